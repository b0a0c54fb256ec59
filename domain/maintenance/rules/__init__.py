"""Pure rules of maintenance: no session, no clock."""
