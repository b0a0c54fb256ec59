"""Benchmarks, each one command: `./opsgraph bench NAME`. They start, load and stop servers of their own."""
