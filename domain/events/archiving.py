"""Retention: takes out of the log what an organization keeps no longer, and leaves a digest that proves it.

Whole months go, oldest first, a run of events at a time: each run is one transaction that checks its chain, writes the
archive, deletes the events and records that it did. A chain that is broken is left as it is: evidence is not deleted.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.events import outbox
from db.session import Database
from domain.events.audit import ARCHIVES, EVENTS
from domain.events.rules.chain import GENESIS, Archived, archive_digest, hashes_digest
from domain.events.rules.proof import ARCHIVED, Break, Good, check_archives, check_event
from runtime.logging import get_logger

log = get_logger(__name__)

RUN = 10_000  # events of one transaction: a second or two, far from any timeout
PREFIX = "ea"

DUE = text("""
    SELECT o.id FROM organizations o
    WHERE o.event_retention_months IS NOT NULL AND EXISTS (
        SELECT FROM event_log e WHERE e.org_id = o.id AND e.recorded_at < event_log_kept_since(o.id))
""")
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('opsgraph.event_log.archive/' || :org, 0))")
HEAD = "SELECT seq FROM event_heads WHERE org_id = $1"
KEPT_SINCE = "SELECT event_log_kept_since($1)"
OLDEST = EVENTS.format(only="AND seq > $2 AND seq <= $3")
ARCHIVE = "SELECT event_log_archive($1, $2, $3, $4, $5, $6, $7)"

# Partitions by name, the oldest first; the one that takes what finds none stays.
PARTITIONS = text("""
    SELECT to_date(right(relid::text, 7), 'YYYY_MM') FROM pg_partition_tree('event_log')
    WHERE relid::text ~ '^event_log_[0-9]{4}_[0-9]{2}$' ORDER BY 1
""")
HOLDS_EVENTS = text("""
    SELECT EXISTS (SELECT FROM event_log
        WHERE recorded_at >= CAST(:month AS timestamp) AT TIME ZONE 'UTC'
            AND recorded_at < (CAST(:month AS timestamp) + interval '1 month') AT TIME ZONE 'UTC')
""")
DROP = text("SELECT event_log_drop_partition(:month)")


class BrokenChainError(Exception):
    """The events that were to be archived are not as they were recorded."""

    def __init__(self, broken: Break) -> None:
        super().__init__(f"{broken.kind} at {broken.seq}: {broken.message}")
        self.broken = broken


async def archive_all(db: Database) -> int:
    """Archive what every organization keeps no longer; how many events."""
    async with db.platform() as session:
        due = list(await session.scalars(DUE))
    total = 0
    for org_id in due:
        try:
            while taken := await archive(db, org_id):
                total += taken
        except BrokenChainError as error:
            log.error(
                "events not archived: the chain is broken, see audit verify", org_id=str(org_id), error=str(error)
            )
    return total


async def archive(db: Database, org_id: UUID, run: int = RUN) -> int:
    """Archive the next run of events that the organization keeps no longer, in one transaction; how many, 0 when there
    are none. Raises BrokenChainError, and then nothing has changed."""
    async with db.platform() as session:
        # Who waited here finds the next run, and not the one that somebody else takes.
        await session.execute(LOCK, {"org": str(org_id)})
        driver = await _driver(session)
        archives = await driver.fetch(ARCHIVES, org_id)
        start, broken = check_archives(archives, await driver.fetchval(HEAD, org_id) or 0)
        if broken:
            raise BrokenChainError(broken)
        hashes = await _expired(driver, org_id, start, run)
        if not hashes:
            return 0
        made = Archived(
            org_id=org_id,
            id=uuid7(),
            from_seq=start.seq + 1,
            to_seq=start.seq + len(hashes),
            previous_hash=start.hash,
            last_hash=hashes[-1],
            count=len(hashes),
            digest=hashes_digest(hashes),
            archived_at=datetime.now(UTC),
        )
        found = archive_digest(made, archives[-1]["hash"] if archives else GENESIS)
        await driver.fetchval(
            ARCHIVE, made.id, org_id, made.from_seq, made.to_seq, made.archived_at, made.digest, found
        )
        outbox.record(session, _event(made, found))
    return made.count


async def _expired(driver: Any, org_id: UUID, good: Good, run: int) -> list[str]:
    """The hashes of the events after `good` that are kept no longer, as many as one run takes. Raises
    BrokenChainError."""
    kept_since = await driver.fetchval(KEPT_SINCE, org_id)
    hashes: list[str] = []
    if kept_since is None:
        return hashes
    async for row in driver.cursor(OLDEST, org_id, good.seq, good.seq + run, prefetch=1_000):
        if row["recorded_at"] >= kept_since:
            break
        if broken := check_event(row, good):
            raise BrokenChainError(broken)
        good = Good(row["seq"], row["hash"], row["id"])
        hashes.append(row["hash"])
    return hashes


def _event(made: Archived, found: str) -> outbox.OutboxEvent:
    names = ("from_seq", "to_seq", "count", "last_hash", "digest")
    return outbox.OutboxEvent(
        org_id=made.org_id,
        type=ARCHIVED,
        target_type=PREFIX,
        target_id=made.id,
        after={name: getattr(made, name) for name in names} | {"hash": found},
        occurred_at=made.archived_at,
    )


async def drop_empty_partitions(db: Database) -> int:
    """Drop the partitions of past months that hold nothing any more; how many."""
    async with db.platform() as session:
        months = list(await session.scalars(PARTITIONS))
        empty = [month for month in months if not await session.scalar(HOLDS_EVENTS, {"month": month})]
    dropped = 0
    for month in empty:
        try:
            async with db.platform() as session:
                dropped += bool(await session.scalar(DROP, {"month": month}))
        except DBAPIError as error:
            # Somebody reads the log for longer than we may keep others waiting.
            log.info("partition stays for now", month=str(month), error=repr(error.orig))
    return dropped


async def _driver(session: AsyncSession) -> Any:
    raw = await (await session.connection()).get_raw_connection()
    return raw.driver_connection
