"""Courses, training, licences, authorisations and recent experience: who may sign for what, and why not."""
