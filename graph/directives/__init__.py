"""Access control as schema directives, and the map of them that is enforced."""
