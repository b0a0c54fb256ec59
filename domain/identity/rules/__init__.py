"""Pure decisions of identity: no I/O, the clock passed in."""
