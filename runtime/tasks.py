"""Waiting for events and ending tasks without a cancellation that gets lost."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 1.0


async def within(seconds: float, event: asyncio.Event) -> bool:
    """Whether `event` came in time. In Python 3.11 `asyncio.wait_for` swallows a cancellation that comes together with
    it, and a loop that waits so goes on for ever."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait until they are done. A driver may lose a cancellation that arrives together with an answer,
    so it is said again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
