"""The room collaboration: it follows what the other rooms record, and tells people."""
