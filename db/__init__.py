"""Tables, sessions, row-level security and migrations."""
