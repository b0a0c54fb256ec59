"""Maintenance programmes in the graph: their tasks, the aircraft that follow them, and what was accomplished."""
