"""Proof of the log: walks every organization's chain, archives first, and names the first thing that breaks it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from db.events.connection import Connection, connect
from db.rls import SYSTEM_ROLE
from domain.errors import NotFoundError
from domain.events.rules.proof import (
    ARCHIVED,
    Break,
    Good,
    Row,
    Vouched,
    check_archives,
    check_event,
    check_head,
    check_vouched,
)
from runtime.settings import Settings

__all__ = ["AuditReport", "Break", "ChainReport", "verify"]

FETCH = 1000

# One index probe per organization that has events, however long the log is.
ORGANIZATIONS = """
WITH RECURSIVE logged AS (
    (SELECT org_id FROM event_log ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.org_id FROM event_log e WHERE e.org_id > logged.org_id ORDER BY e.org_id LIMIT 1)
    FROM logged WHERE logged.org_id IS NOT NULL
), known AS (
    SELECT org_id FROM logged WHERE org_id IS NOT NULL
    UNION SELECT org_id FROM event_heads
    UNION SELECT org_id FROM event_archives
)
SELECT known.org_id, organizations.slug, coalesce(event_heads.seq, 0) AS seq, event_heads.hash
FROM known
LEFT JOIN organizations ON organizations.id = known.org_id
LEFT JOIN event_heads ON event_heads.org_id = known.org_id
WHERE $1::text IS NULL OR organizations.slug = $1
ORDER BY organizations.slug, known.org_id
"""

KNOWN = "SELECT EXISTS (SELECT FROM organizations WHERE slug = $1)"

ARCHIVES = "SELECT * FROM event_archives WHERE org_id = $1 ORDER BY from_seq"

# What tells of the newest archive may still wait for its number.
PENDING = "SELECT target_id, after::text AS after FROM outbox_pending WHERE org_id = $1 AND type = $2"

EVENTS = """
SELECT org_id, seq, id, recorded_at, occurred_at, actor_id, impersonator_id, type, target_type, target_id,
       before::text AS before, after::text AS after, previous_hash, hash,
       coalesce(lead(seq) OVER (ORDER BY seq, recorded_at) = seq, false) AS doubled
FROM event_log WHERE org_id = $1 {only} ORDER BY seq, recorded_at
"""
WALK = EVENTS.format(only="")


@dataclass(frozen=True)
class ChainReport:
    """One organization's chain. `hash` is its last good hash: note it elsewhere, and even a whole rewritten
    log is found out later. `events` are those that were checked, `archived` those that are no longer there."""

    org_id: UUID
    slug: str | None
    events: int
    hash: str
    broken: Break | None
    archived: int = 0

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
                report.chains.append(await _Walk(connection, row, report.events, progress).run())
            return report
    finally:
        await connection.close()


@dataclass
class _Walk:
    """Along one organization's chain."""

    connection: Connection
    head: asyncpg.Record
    walked: int
    progress: Callable[[int], None] | None
    good: Good = field(default_factory=Good)
    events: int = 0
    vouched: list[Vouched] = field(default_factory=list)

    async def run(self) -> ChainReport:
        org_id = self.head["org_id"]
        archives = await self.connection.fetch(ARCHIVES, org_id)
        self.good, broken = check_archives(archives, self.head["seq"])
        archived = self.good.seq
        if broken is None:
            broken = await self._along_the_log() or check_head(self.head, self.good)
        if broken is None:
            pending = await self.connection.fetch(PENDING, org_id, ARCHIVED)
            broken = check_vouched(archives, [*self.vouched, *map(_vouched, pending)])
        self._tell()
        return ChainReport(org_id, self.head["slug"], self.events, self.good.hash, broken, archived)

    async def _along_the_log(self) -> Break | None:
        async for row in self.connection.cursor(WALK, self.head["org_id"], prefetch=FETCH):
            if broken := check_event(row, self.good):
                return broken
            if row["seq"] > self.head["seq"]:
                return Break("inserted", row["seq"], row["id"], "the relay never wrote it; it is beyond the head")
            if row["type"] == ARCHIVED:
                self.vouched.append(_vouched(row))
            self.good = Good(row["seq"], row["hash"], row["id"])
            self.events += 1
            if self.events % FETCH == 0:
                self._tell()
        return None

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.walked + self.events)


def _vouched(row: Row) -> Vouched:
    said = json.loads(row["after"] or "{}")
    return Vouched(row["target_id"], said.get("from_seq", 0), said.get("to_seq", 0), said.get("hash", ""))
