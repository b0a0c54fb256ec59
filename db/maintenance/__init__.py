"""Maintenance programmes, directives, and what is due."""
