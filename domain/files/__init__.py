"""Uploads, and the documents they become."""
