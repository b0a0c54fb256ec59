"""Organizations, people, memberships, roles and sessions."""
