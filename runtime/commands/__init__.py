"""The commands of `./opsgraph`. They alone may import every layer, and do it when they run, not before."""
