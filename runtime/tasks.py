"""Waiting for events and ending tasks without a cancellation that gets lost."""

import asyncio
from collections.abc import Coroutine, Iterable
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
    """Cancel tasks and wait until they are done, even when this is cancelled meanwhile. A driver may lose a
    cancellation that arrives together with an answer, so it is said again."""
    left, told = set(tasks), None
    while left:
        for task in left:
            task.cancel()
        try:
            _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
        except asyncio.CancelledError as cancelled:
            left, told = {task for task in left if not task.done()}, cancelled
    if told is not None:
        raise told


async def together(*work: Coroutine[Any, Any, Any]) -> None:
    """Until one of them fails, or all are done; then the others end. A TaskGroup tells its tasks once, and waits for
    ever for one that lost that."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await end(tasks)
