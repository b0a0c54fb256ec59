"""The fault bench's parts: those who write and follow, what is killed and comes back, and what must hold at the end."""
