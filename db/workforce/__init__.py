"""Courses, training, licences, authorisations and recent experience."""
