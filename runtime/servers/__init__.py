"""Embedded PostgreSQL and Valkey, as child processes on loopback ports, each with its own data and password."""
