"""The relay: moves what transactions left in the outbox into the log, numbered and chained.

Any process may run one. Only one works at a time, because a batch is moved in a transaction that holds an
advisory lock; the lock lives and dies with that transaction on that connection, so a relay that was cut off
cannot finish behind another's back.

Events of one organization are numbered in the order of their outbox positions as they become visible. A
position whose transaction commits late is numbered late, never lost: the relay deletes exactly what it read.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from redis.asyncio import Redis

from db.events.connection import Connection, connect
from db.rls import SYSTEM_ROLE
from db.session import Database
from domain.events.rules.chain import GENESIS, digest_rendered, instant
from runtime import hints, metrics
from runtime.logging import get_logger
from runtime.tasks import together, within

log = get_logger(__name__)

LOCK = 0x6F707367_72656C79  # "opsgrely": one relay at a time in this database
MONTHS_AHEAD = 2
FIRST_RETRY, LAST_RETRY = 0.1, 5.0
# asyncpg calls its own confusion, when a server dies in the middle of an answer, an InternalClientError.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

ANY_PENDING = "SELECT EXISTS (SELECT FROM outbox_pending)"

# A number that followers were told must not go to another event after a crash, so a batch is durable before it is
# visible, also where commits are acknowledged early.
LOCKED = """
SELECT pg_try_advisory_xact_lock($1),
    set_config('synchronous_commit', CASE known WHEN 'off' THEN 'on' ELSE known END, true)
FROM current_setting('synchronous_commit') AS known
"""

# `rest` is what the hash covers as far as it does not depend on the number (`domain.events.rules.chain`): the shortest
# escapes are those that PostgreSQL writes. To make objects of it here would cost more than all the rest.
TAKE = """
SELECT position, org_id::text AS org_id, id::text AS id, concat_ws(',',
    '"' || to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || 'Z"',
    coalesce('"' || actor_id || '"', 'null'), coalesce('"' || impersonator_id || '"', 'null'),
    to_json(type), to_json(target_type), '"' || target_id || '"',
    coalesce(to_json(before::text)::text, 'null'), coalesce(to_json(after::text)::text, 'null')
) AS rest
FROM outbox_pending ORDER BY position LIMIT {batch}
"""

HEADS = """
SELECT asked.org_id::text AS org_id, h.seq, h.hash, h.recorded_at, clock_timestamp() AS now
FROM unnest($1::text[]::uuid[]) AS asked (org_id) LEFT JOIN event_heads h ON h.org_id = asked.org_id
"""

# What goes into the log is what came out of the outbox, in one statement; only the numbers come from here.
MOVE = """
WITH raised AS (
    SELECT * FROM unnest($5::text[]::uuid[], $6::bigint[], $7::text[], $8::timestamptz[])
        AS r (org_id, seq, hash, recorded_at)
), moved AS (
    DELETE FROM outbox_pending p
    USING unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS n (position, seq, previous_hash, hash)
    WHERE p.position = ANY($1::bigint[]) AND p.position = n.position  -- the array is what uses the index
    RETURNING p.*, n.seq, n.previous_hash, n.hash
), written AS (
    INSERT INTO event_log (org_id, seq, recorded_at, id, actor_id, impersonator_id, type, target_type,
                           target_id, before, after, occurred_at, previous_hash, hash)
    SELECT m.org_id, m.seq, r.recorded_at, m.id, m.actor_id, m.impersonator_id, m.type, m.target_type,
           m.target_id, m.before, m.after, m.occurred_at, m.previous_hash, m.hash
    FROM moved m JOIN raised r ON r.org_id = m.org_id
    RETURNING 1
), heads AS (
    INSERT INTO event_heads (org_id, seq, hash, recorded_at) SELECT * FROM raised
    ON CONFLICT (org_id) DO UPDATE
        SET seq = excluded.seq, hash = excluded.hash, recorded_at = excluded.recorded_at
    RETURNING 1
)
SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM heads)
"""


@dataclass(slots=True)
class Head:
    """The last event of an organization."""

    seq: int
    hash: str
    recorded_at: datetime


class Relay:
    """`run()` relays until cancelled; it outlives outages of the database (backoff) and Redis (polling)."""

    def __init__(self, db: Database, redis: Redis | None, *, batch: int = 500, poll: float = 0.05) -> None:
        self._settings = db.settings
        self._redis = redis
        self._batch = batch
        self._poll = poll
        self._woken = asyncio.Event()
        self._take = TAKE.format(batch=int(batch))

    async def run(self) -> None:
        if self._redis is None:
            return await self._work()
        listener = hints.Listener(self._redis)
        listener.add(hints.OUTBOX, lambda _: self._woken.set())
        await together(listener.run(), self._work())

    async def _work(self) -> None:
        delay = FIRST_RETRY
        while True:
            started = time.monotonic()
            try:
                await self._serve()
            except LOST as error:
                log.warning("relay interrupted", error=repr(error))
            except Exception:
                # Nothing live works without the relay, so it goes on whatever happened.
                log.exception("relay failed")
            if time.monotonic() - started > LAST_RETRY:
                delay = FIRST_RETRY
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)

    async def _serve(self) -> None:
        connection = await connect(self._settings, SYSTEM_ROLE, "relay")
        try:
            await ensure_partitions(connection)
            while True:
                self._woken.clear()
                if await connection.fetchval(ANY_PENDING):
                    while await self.move(connection):
                        pass
                await within(self._poll, self._woken)
        finally:
            connection.terminate()

    async def move(self, connection: Connection) -> int:
        """Number one batch and announce it; how many events, 0 when there are none or another relay works."""
        async with connection.transaction():
            if not await connection.fetchval(LOCKED, LOCK):
                return 0
            pending = await connection.fetch(self._take)
            if not pending:
                metrics.RELAY_LAG_SECONDS.set(0)
                return 0
            found = await connection.fetch(HEADS, list({row["org_id"] for row in pending}))
            heads = {row["org_id"]: _head(row) for row in found}
            await _write(connection, pending, heads)
        metrics.RELAY_EVENTS.inc(len(pending))
        oldest = datetime.fromisoformat(pending[0]["rest"].partition(",")[0].strip('"'))
        metrics.RELAY_LAG_SECONDS.set((found[0]["now"] - oldest).total_seconds())
        await hints.publish_all(
            self._redis,
            [(hints.LOG, ""), *((hints.events_channel(UUID(org_id)), head.seq) for org_id, head in heads.items())],
        )
        return len(pending)


async def ensure_partitions(connection: Connection) -> int:
    """Make the partitions of this month and the next ones; how many were missing. The default partition takes
    what finds none, so a failure only costs order."""
    made = await connection.fetchval("SELECT event_log_ensure_partitions($1)", MONTHS_AHEAD)
    return int(made)


def _head(row: asyncpg.Record) -> Head:
    """The head to number from, with the time at which what follows is recorded: never before what went before,
    whatever the server's clock did, because partitions are number ranges."""
    if row["seq"] is None:
        return Head(0, GENESIS, row["now"])
    return Head(row["seq"], row["hash"], max(row["now"], row["recorded_at"]))


async def _write(connection: Connection, pending: Sequence[asyncpg.Record], heads: dict[str, Head]) -> None:
    """Number, chain and store `pending`, and raise `heads` accordingly."""
    recorded = {org_id: instant(head.recorded_at) for org_id, head in heads.items()}
    numbers: list[tuple[int, int, str, str]] = []
    for position, org_id, event_id, rest in pending:
        head = heads[org_id]
        head.seq += 1
        previous = head.hash
        head.hash = digest_rendered(previous, org_id, head.seq, event_id, recorded[org_id], rest)
        numbers.append((position, head.seq, previous, head.hash))
    written, raised = await connection.fetchrow(  # type: ignore[misc]  # it always answers one row
        MOVE,
        *(list(column) for column in zip(*numbers, strict=True)),
        list(heads),
        [head.seq for head in heads.values()],
        [head.hash for head in heads.values()],
        [head.recorded_at for head in heads.values()],
    )
    if written != len(pending) or raised != len(heads):
        raise RuntimeError(f"The relay read {len(pending)} events and moved {written}; {raised} heads were raised.")
