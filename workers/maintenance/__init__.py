"""Jobs of the maintenance room."""
