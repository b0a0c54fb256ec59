"""Proof of the log: walks every organization's chain and names the first event that breaks it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from db.events.connection import Connection, connect
from db.rls import SYSTEM_ROLE
from domain.errors import NotFoundError
from domain.events.rules.chain import GENESIS, Entry, digest
from runtime.settings import Settings

FETCH = 1000

# One index probe per organization that has events, however long the log is.
ORGANIZATIONS = """
WITH RECURSIVE logged AS (
    (SELECT org_id FROM event_log ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.org_id FROM event_log e WHERE e.org_id > logged.org_id ORDER BY e.org_id LIMIT 1)
    FROM logged WHERE logged.org_id IS NOT NULL
), known AS (
    SELECT org_id FROM logged WHERE org_id IS NOT NULL UNION SELECT org_id FROM event_heads
)
SELECT known.org_id, organizations.slug, coalesce(event_heads.seq, 0) AS seq, event_heads.hash
FROM known
LEFT JOIN organizations ON organizations.id = known.org_id
LEFT JOIN event_heads ON event_heads.org_id = known.org_id
WHERE $1::text IS NULL OR organizations.slug = $1
ORDER BY organizations.slug, known.org_id
"""

KNOWN = "SELECT EXISTS (SELECT FROM organizations WHERE slug = $1)"

WALK = """
SELECT org_id, seq, id, recorded_at, occurred_at, actor_id, impersonator_id, type, target_type, target_id,
       before, after, previous_hash, hash,
       coalesce(lead(seq) OVER (ORDER BY seq, recorded_at) = seq, false) AS doubled
FROM event_log WHERE org_id = $1 ORDER BY seq, recorded_at
"""


@dataclass(frozen=True)
class Break:
    """The first event that does not fit: `kind` is "tampered", "deleted" or "inserted"."""

    kind: str
    seq: int
    event_id: UUID | None
    message: str


@dataclass(frozen=True)
class ChainReport:
    """One organization's chain. `hash` is its last good hash: note it elsewhere, and even a whole rewritten
    log is found out later."""

    org_id: UUID
    slug: str | None
    events: int
    hash: str
    broken: Break | None

    @property
    def intact(self) -> bool:
        return self.broken is None


@dataclass(frozen=True)
class AuditReport:
    chains: list[ChainReport] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        return all(chain.intact for chain in self.chains)

    @property
    def events(self) -> int:
        return sum(chain.events for chain in self.chains)


async def verify(
    settings: Settings, slug: str | None = None, *, progress: Callable[[int], None] | None = None
) -> AuditReport:
    """Walk the chain of every organization, or of the one with `slug`: in one snapshot, a thousand events in
    memory at a time. `progress` hears the number of events walked so far. Raises NotFoundError for a slug
    that no organization has."""
    connection = await connect(settings, SYSTEM_ROLE, "audit")
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(ORGANIZATIONS, slug)
            if slug is not None and not rows and not await connection.fetchval(KNOWN, slug):
                raise NotFoundError(f"There is no organization with the slug {slug!r}.")
            report = AuditReport()
            for row in rows:
                report.chains.append(await _walk(connection, row, report.events, progress))
            return report
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class _Good:
    """The last event that fits."""

    seq: int = 0
    hash: str = GENESIS
    id: UUID | None = None


async def _walk(
    connection: Connection,
    head: asyncpg.Record,
    walked: int,
    progress: Callable[[int], None] | None,
) -> ChainReport:
    good = _Good()
    broken: Break | None = None
    async for row in connection.cursor(WALK, head["org_id"], prefetch=FETCH):
        broken = _check(row, good)
        if broken is None and row["seq"] > head["seq"]:
            broken = Break("inserted", row["seq"], row["id"], "the relay never wrote it; it is beyond the head")
        if broken is not None:
            break
        good = _Good(row["seq"], row["hash"], row["id"])
        if progress is not None and good.seq % FETCH == 0:
            progress(walked + good.seq)
    if broken is None:
        broken = _check_head(head, good)
    if progress is not None:
        progress(walked + good.seq)
    return ChainReport(head["org_id"], head["slug"], good.seq, good.hash, broken)


def _check(row: asyncpg.Record, good: _Good) -> Break | None:
    """What is wrong with `row`, which should follow `good`."""
    seq, event_id, expected = row["seq"], row["id"], good.seq + 1
    if seq > expected:
        return Break("deleted", expected, None, f"event {expected} is missing; the next one is {seq}")
    entry = Entry(**{name: row[name] for name in Entry.__dataclass_fields__})
    sound = row["hash"] == digest(entry, row["previous_hash"])
    follows = row["previous_hash"] == good.hash
    if seq < expected or (row["doubled"] and not (sound and follows)):
        return Break("inserted", seq, event_id, f"there is a second event with number {seq}")
    if not sound:
        return Break("tampered", seq, event_id, "its content does not have the hash it was recorded with")
    if not follows:
        # A sound event that follows another past: then the past was rewritten, unless there is none.
        kind, at = ("inserted", _Good(seq, "", event_id)) if good.seq == 0 else ("tampered", good)
        return Break(kind, at.seq, at.id, f"event {seq} was recorded after another event {good.seq}")
    return None


def _check_head(head: asyncpg.Record, good: _Good) -> Break | None:
    if good.seq < head["seq"]:
        message = f"event {good.seq + 1} is missing; the log ends at {good.seq} and {head['seq']} were recorded"
        return Break("deleted", good.seq + 1, None, message)
    if good.hash != (head["hash"] or GENESIS):
        return Break("tampered", good.seq, good.id, "it does not have the hash that event_heads notes for it")
    return None
