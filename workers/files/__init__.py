"""Jobs of the room files."""
