"""Aircraft types, aircraft and what they flew."""
