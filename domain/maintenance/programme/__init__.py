"""Maintenance programmes: their tasks, the aircraft that follow them, and what was accomplished.

Other rooms call `accomplish`, when a task was done; who may say so is for them to check.
"""

from domain.maintenance.programme.accomplishing import accomplish

__all__ = ["accomplish"]
