"""A cancellation is never lost."""

import asyncio

from runtime.tasks import end, within


async def test_a_cancellation_that_comes_with_the_event_ends_the_task() -> None:
    event = asyncio.Event()

    async def work() -> None:
        while True:
            await within(60, event)
            event.clear()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    event.set()
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()


async def test_what_swallows_one_cancellation_is_told_again() -> None:
    told = 0

    async def work() -> None:
        nonlocal told
        while told < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                told += 1

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.wait_for(end([task]), 20)
    assert told == 2


async def test_an_event_in_time() -> None:
    event = asyncio.Event()
    assert not await within(0.001, event)
    event.set()
    assert await within(60, event)
    await end([])
