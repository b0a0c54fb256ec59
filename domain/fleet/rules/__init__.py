"""Pure rules of the fleet: no I/O, the clock passed in. A rule returns the clean value or raises UserErrors."""
