"""Tables of the room collaboration."""
