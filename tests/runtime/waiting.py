"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], seconds: float = 30.0, what: str = "the condition") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.02)
