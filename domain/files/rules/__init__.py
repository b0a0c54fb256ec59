"""Pure rules of files: no I/O, no clock."""
