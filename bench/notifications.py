"""./opsgraph bench notifications: how fast the worker follows the log, and makes notifications of it.

One organization with many people. Its log gets events that concern nobody, changes of aircraft while 20 people manage
the fleet and are told of each, and changes while everybody does; then the worker's step that tells people runs until
there is no more to tell. Every notification is counted, and each must be there once.
"""

import argparse
import asyncio
import json
import time
from typing import Any
from uuid import UUID

import asyncpg

from bench.kit import machine
from bench.kit.platform import DATABASE, Place, platform
from db.session import Database
from domain.collaboration import telling
from runtime.servers.throwaway import with_database
from runtime.settings import Settings

MANAGERS = 20
ROLES = """
UPDATE memberships SET roles = CASE WHEN n <= $2 THEN ARRAY['MANAGER'] ELSE ARRAY['MEMBER'] END
FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM memberships WHERE org_id = $1) numbered
WHERE memberships.org_id = $1 AND memberships.id = numbered.id
"""
# As the relay leaves them; nobody looks at the chain here.
EVENTS = """
WITH head AS (SELECT coalesce(max(seq), 0) seq FROM event_heads WHERE org_id = $1), written AS (
    INSERT INTO event_log (org_id, seq, recorded_at, id, type, target_type, target_id, before, after, occurred_at,
                           previous_hash, hash)
    SELECT $1, head.seq + n, now(), uuidv7(), $2, 'ac', uuidv7(), '{"status": "ACTIVE"}', '{"status": "STORED"}', now(),
           '', ''
    FROM head, generate_series(1, $3::int) n
)
INSERT INTO event_heads (org_id, seq, hash, recorded_at) SELECT $1, head.seq + $3::int, '', now() FROM head
ON CONFLICT (org_id) DO UPDATE SET seq = excluded.seq
"""
COUNT = "SELECT count(*), count(DISTINCT (user_id, event_id)) FROM notifications WHERE org_id = $1"


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when all were told once, 1 when not."""
    parser = argparse.ArgumentParser(prog="opsgraph bench notifications", description=__doc__)
    parser.add_argument("--people", type=int, default=5_000, help="people of the organization (5,000)")
    parser.add_argument("--events", type=int, default=50_000, help="events that concern nobody (50,000)")
    parser.add_argument("--changes", type=int, default=1_000, help=f"changes that {MANAGERS} are told of (1,000)")
    parser.add_argument("--news", type=int, default=20, help="changes that everybody is told of (20)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    described = machine.describe()
    with platform() as place:
        place.load(1, people=given.people)
        figures = asyncio.run(measure(place, given))
    made = {"benchmark": "notifications", "machine": described, "people": given.people, "runs": figures}
    print(json.dumps(made) if given.json else text(made))
    return 0 if all(each["told"] == each["expected"] for each in figures.values()) else 1


async def measure(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    url = with_database(place.servers.postgres.url, DATABASE)
    db, org_id = Database(Settings(_env_file=None, database_url=url)), place.tenants[0].id
    admin = await asyncpg.connect(place.admin_url, command_timeout=900)
    figures: dict[str, Any] = {}
    try:
        for name, type, count, managers in [
            ("concern nobody", "thing.changed", given.events, 0),
            (f"told to {MANAGERS}", "aircraft.status_changed", given.changes, min(MANAGERS, given.people)),
            (f"told to {given.people}", "aircraft.status_changed", given.news, given.people),
        ]:
            await admin.execute(ROLES, org_id, managers)
            figures[name] = await _run(place, db, admin, org_id, type, count, count * managers)
        return figures
    finally:
        await admin.close()
        await db.close()


async def _run(
    place: Place, db: Database, admin: "asyncpg.Connection[Any]", org_id: UUID, type: str, count: int, expected: int
) -> dict[str, Any]:
    await admin.execute(EVENTS, org_id, type, count)
    await admin.execute("ANALYZE event_log")
    before, _ = await _count(admin, org_id)
    began, ours, theirs = time.monotonic(), time.process_time(), machine.cpu_seconds(place.database_pid, children=True)
    while (await telling.tell(db, org_id)).more:
        pass
    seconds = time.monotonic() - began
    ours, theirs = time.process_time() - ours, machine.cpu_seconds(place.database_pid, children=True) - theirs
    rows, different = await _count(admin, org_id)
    return {
        "events": count,
        "expected": expected,
        "told": rows - before if rows == different else -1,
        "seconds": round(seconds, 3),
        "events_a_second": round(count / seconds),
        "notifications_a_second": round((rows - before) / seconds),
        "cpu_seconds": {"worker": round(ours, 3), "database": round(theirs, 3)},
    }


async def _count(admin: "asyncpg.Connection[Any]", org_id: UUID) -> tuple[int, int]:
    """All notifications, and the different ones."""
    row = await admin.fetchrow(COUNT, org_id)
    assert row is not None
    return row[0], row[1]


def text(made: dict[str, Any]) -> str:
    lines = [f"{made['machine']}", f"{made['people']:,} people."]
    for name, run in made["runs"].items():
        cpu = run["cpu_seconds"]
        lines.append(
            f"{run['events']:>7,} events {name:<16} {run['seconds']:>7.2f} s  {run['events_a_second']:>8,} events/s"
            f"  {run['notifications_a_second']:>8,} notifications/s  {run['told']:>8,} of {run['expected']:,} told once"
            f"  CPU {cpu['worker']:.2f} + {cpu['database']:.2f} s"
        )
    return "\n".join(lines)
