"""What benchmarks share: a load generator, server processes and CPU accounts."""
