"""Pure rules of the workforce: no I/O, no clock."""
