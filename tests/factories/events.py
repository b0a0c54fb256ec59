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
from db.events.connection import Connection
from db.session import Database
from domain.events.rules.chain import GENESIS, Entry, digest
from runtime.tasks import end


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
        await end([task])


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


PAST = """
INSERT INTO event_log (org_id, seq, id, recorded_at, occurred_at, actor_id, impersonator_id, type, target_type,
                       target_id, before, after, previous_hash, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
RAISE_HEAD = """
INSERT INTO event_heads (org_id, seq, hash, recorded_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (org_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, recorded_at = excluded.recorded_at
"""


async def past(system: Connection, org_id: UUID, moment: datetime, count: int = 1) -> None:
    """Events that the relay recorded at this moment, behind those that are there."""
    head = await system.fetchrow("SELECT seq, hash FROM event_heads WHERE org_id = $1", org_id)
    seq, previous = (head["seq"], head["hash"]) if head else (0, GENESIS)
    async with system.transaction():
        for number in range(seq + 1, seq + count + 1):
            after = f'{{"n": {number}}}'
            entry = Entry(
                org_id, number, uuid7(), moment, moment, None, None, "thing.changed", "th", uuid7(), None, after
            )
            found = digest(entry, previous)
            await system.execute(PAST, *(getattr(entry, name) for name in Entry.__dataclass_fields__), previous, found)
            previous = found
        await system.execute(RAISE_HEAD, org_id, seq + count, previous, moment)
