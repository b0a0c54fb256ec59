"""Events written as commands write them, and waiting for what happens elsewhere."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from db.events import outbox
from db.session import Database


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """What `condition` gives once it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := await condition()):
        assert time.monotonic() < deadline, f"Not within {seconds} s: {condition}"
        await asyncio.sleep(0.01)
    return result


@asynccontextmanager
async def running(work: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """`work` goes on during the block; it must not have ended by itself."""
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def event(org_id: UUID, **values: Any) -> outbox.OutboxEvent:
    defaults: dict[str, Any] = {
        "org_id": org_id,
        "actor_id": uuid7(),
        "type": "thing.changed",
        "target_type": "th",
        "target_id": uuid7(),
        "occurred_at": datetime.now(UTC),
    }
    return outbox.OutboxEvent(**(defaults | values))


async def write(db: Database, org_id: UUID, count: int = 1, **values: Any) -> None:
    """`count` events in one transaction of the organization; `after` holds each one's number from 1."""
    async with db.tenant(org_id) as session:
        for number in range(1, count + 1):
            outbox.record(session, event(org_id, **({"after": {"n": number}} | values)))
