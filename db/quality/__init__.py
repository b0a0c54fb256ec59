"""Audits, what they found, what is done about it, and who was reminded."""
