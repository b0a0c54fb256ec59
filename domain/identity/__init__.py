"""Organizations, people, what they may do, and signing in. `tenancy` decides who acts and where."""
