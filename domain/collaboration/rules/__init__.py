"""Pure rules: texts of messages, and who counts as present."""
