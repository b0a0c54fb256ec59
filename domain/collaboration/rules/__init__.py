"""Pure rules of the room collaboration."""
