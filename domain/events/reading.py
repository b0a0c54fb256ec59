"""Reading an organization's log in order, as the app role under row-level security."""

import itertools
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from db.session import Database
from domain.events.cursors import Cursors
from domain.events.errors import ResyncError
from runtime.settings import Settings

PAGE = 500

EPOCH = text("SELECT event_epoch()")
HEAD = text("SELECT coalesce(max(seq), 0) FROM event_heads WHERE org_id = :org_id")

# Head and events come from one statement, so from one snapshot: what is missing is really missing. Numbers are
# dense, so a page is a range of them, which every plan reads from the index alone.
AFTER = text("""
    SELECT head.seq AS head, e.*
    FROM (SELECT coalesce(max(seq), 0) AS seq FROM event_heads WHERE org_id = :org_id) head
    LEFT JOIN LATERAL (
        SELECT seq, id, type, target_type, target_id, actor_id, impersonator_id, before::text AS before,
               after::text AS after, occurred_at, recorded_at
        FROM event_log WHERE org_id = :org_id AND seq > :after AND seq <= :until
    ) e ON true
    ORDER BY e.seq
""")


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of the log; `before` and `after` are JSON texts."""

    seq: int
    id: UUID
    type: str
    target_type: str
    target_id: UUID
    actor_id: UUID | None
    impersonator_id: UUID | None
    before: str | None
    after: str | None
    occurred_at: datetime
    recorded_at: datetime


async def cursor_now(session: AsyncSession, settings: Settings, org_id: UUID) -> str:
    """The cursor behind which everything comes that a reader does not see from now on."""
    epoch = str(await session.scalar(EPOCH))
    return Cursors.from_settings(settings).encode(
        epoch, org_id, int(await session.scalar(HEAD, {"org_id": org_id}) or 0)
    )


async def read_head(db: Database, org_id: UUID) -> int:
    """The number of the organization's last event; 0 before the first."""
    async with db.tenant(org_id) as session:
        return int(await session.scalar(HEAD, {"org_id": org_id}) or 0)


async def read_after(db: Database, org_id: UUID, after: int, count: int = PAGE) -> list[EventRow]:
    """Up to `count` events that follow number `after` without a gap; empty when it is the last one.

    Raises ResyncError when the next one is not in the log: the log was restored to an earlier state, or its
    oldest events were archived.
    """
    async with db.tenant(org_id) as session:
        rows = (await session.execute(AFTER, {"org_id": org_id, "after": after, "until": after + count})).all()
    head = rows[0].head
    events = [] if rows[0].seq is None else [EventRow(*row[1:]) for row in rows]
    if head < after:
        raise ResyncError("The log was restored; read again and subscribe without a cursor.")
    for number, event in itertools.zip_longest(range(after + 1, min(after + count, head) + 1), events):
        if event is None or event.seq != number:
            raise ResyncError(f"Event {number} is not in the log any more; read again and subscribe without a cursor.")
    return events
