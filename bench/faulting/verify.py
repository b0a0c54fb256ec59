"""What must hold at the end, as the database tells it and as the followers saw it."""

import asyncio
from time import monotonic
from typing import Any

import asyncpg

from bench.faulting.writing import NOTE
from bench.kit.asking import SetUpError
from bench.kit.platform import Place
from domain.events import audit

SETTLE_SECONDS = 30.0

TOTALS = "SELECT coalesce(sum(total_minutes), 0) FROM aircraft"
PENDING = "SELECT count(*) FROM outbox_pending"
HEADS = "SELECT o.slug, h.seq FROM event_heads h JOIN organizations o ON o.id = h.org_id"
LOGGED = """
SELECT o.slug, e.seq, e.id, e.hash FROM event_log e JOIN organizations o ON o.id = e.org_id ORDER BY o.slug, e.seq
"""
# How often each mutation was done, by the rows it wrote, and how often the log tells of it.
DONE = """
SELECT u.note, count(DISTINCT u.id) AS rows, count(e.id) AS events
FROM utilisation_entries u
LEFT JOIN event_log e ON e.org_id = u.org_id AND e.target_id = u.aircraft_id AND e.after ->> 'entry_id' = u.id::text
GROUP BY u.note
"""
UNKNOWN = """
SELECT count(*) FROM event_log e WHERE e.type LIKE 'aircraft.utilisation%' AND NOT EXISTS (
    SELECT FROM utilisation_entries u WHERE u.org_id = e.org_id AND e.after ->> 'entry_id' = u.id::text)
"""


async def total_minutes(place: Place) -> int:
    connection = await asyncpg.connect(place.admin_url)
    try:
        return int(await connection.fetchval(TOTALS))
    finally:
        await connection.close()


async def heads(place: Place) -> dict[str, int]:
    """The number of each organization's last event, once no event waits for its number."""
    connection = await asyncpg.connect(place.admin_url)
    deadline = monotonic() + SETTLE_SECONDS
    try:
        while await connection.fetchval(PENDING):
            if monotonic() > deadline:
                raise SetUpError(f"Events still wait to be numbered after {SETTLE_SECONDS:.0f} s.")
            await asyncio.sleep(0.05)
        found = await connection.fetch(HEADS)
    finally:
        await connection.close()
    return {tenant.slug: 0 for tenant in place.tenants} | {row["slug"]: row["seq"] for row in found}


async def verdict(place: Place, mutations: int, minutes_before: int, seen: dict[str, Any]) -> dict[str, Any]:
    """Each finding with what is wrong, of which nothing may be."""
    connection = await asyncpg.connect(place.admin_url, command_timeout=300)
    try:
        await connection.execute("CREATE INDEX ON event_log ((after ->> 'entry_id'))")  # the server is ours
        done = {row["note"]: (row["rows"], row["events"]) for row in await connection.fetch(DONE)}
        logged: dict[str, list[tuple[int, str]]] = {tenant.slug: [] for tenant in place.tenants}
        for row in await connection.fetch(LOGGED):
            logged[row["slug"]].append((row["seq"], f"ev_{row['id']}"))
        moved = await connection.fetchval(TOTALS) - minutes_before
        findings = {
            "acknowledged mutations that were not done": _not_done(done, mutations),
            "mutations that were done more than once": [note for note, (rows, _) in done.items() if rows > 1],
            "mutations whose event is missing": [note for note, (_, events) in done.items() if events < 1],
            "mutations with more than one event": [note for note, (rows, events) in done.items() if events > rows],
            "events without their rows": [await connection.fetchval(UNKNOWN)],
            "events that wait for a number": [await connection.fetchval(PENDING)],
            "minutes by which the totals are wrong": [moved - mutations],
        }
    finally:
        await connection.close()
    report = await audit.verify(place.settings())
    broken = [chain.broken.message for chain in report.chains if chain.broken is not None]
    findings |= {
        "gaps in the numbers": [slug for slug, rows in logged.items() if not _dense(rows)],
        "breaks of the chain": broken,
        "what followers saw wrongly": seen.get("wrong", []),
        "followers' logs that differ from the log": _different(logged, seen.get("events")),
    }
    return {name: [each for each in wrong if each] for name, wrong in findings.items()}


def _not_done(done: dict[str, tuple[int, int]], mutations: int) -> list[str]:
    return [note for number in range(1, mutations + 1) if (note := NOTE.format(number)) not in done]


def _dense(rows: list[tuple[int, str]]) -> bool:
    return [seq for seq, _ in rows] == list(range(1, len(rows) + 1)) and len({each for _, each in rows}) == len(rows)


def _different(logged: dict[str, list[tuple[int, str]]], events: dict[str, list[str]] | None) -> list[str]:
    if events is None:
        return ["not every follower came to the end"]
    return [slug for slug, rows in logged.items() if [each for _, each in rows[: len(events[slug])]] != events[slug]]
