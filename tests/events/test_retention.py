"""What an organization keeps no longer leaves the log, and what is left is proved to follow it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db.events.connection import Connection, connect
from db.rls import APP_ROLE
from db.session import Database
from domain.events.archiving import archive, archive_all, drop_empty_partitions
from domain.events.audit import ChainReport, verify
from domain.events.errors import ResyncError
from domain.events.reading import read_after
from domain.events.relay import Relay
from domain.events.rules.chain import Archived, archive_digest
from tests.factories.events import past
from tests.factories.identity import organization

Tamper = Callable[[str], Awaitable[None]]


def months_ago(months: int) -> datetime:
    """In the middle of that month."""
    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return datetime(year, month + 1, 15, 12, tzinfo=UTC)


async def keep(admin: Connection, org_id: UUID, months: int | None) -> None:
    await admin.execute("UPDATE organizations SET event_retention_months = $2 WHERE id = $1", org_id, months)


async def aged(own: Database, system: Connection) -> UUID:
    """An organization with events 1–4 of five months ago, 5–7 of three, and 8–10 of now."""
    org_id, _slug = await organization(own)
    await past(system, org_id, months_ago(5), 4)
    await past(system, org_id, months_ago(3), 3)
    await past(system, org_id, datetime.now(UTC), 3)
    return org_id


async def archived_twice(own: Database, system: Connection, admin: Connection) -> UUID:
    """The same, with archives of 1–4 and of 5–7, whose events are 11 and 12."""
    org_id = await aged(own, system)
    for months in (4, 2):
        await keep(admin, org_id, months)
        await archive_all(own)
        await Relay(own, None).move(system)
    return org_id


async def chain_of(own: Database, org_id: UUID) -> ChainReport:
    report = await verify(own.settings)
    return next(chain for chain in report.chains if chain.org_id == org_id)


async def numbers(admin: Connection, org_id: UUID) -> list[int]:
    rows = await admin.fetch("SELECT seq FROM event_log WHERE org_id = $1 ORDER BY seq", org_id)
    return [row["seq"] for row in rows]


async def test_events_are_archived_by_whole_months_and_the_rest_is_proved(
    own: Database, system: Connection, admin: Connection
) -> None:
    org_id, forever = await aged(own, system), await aged(own, system)
    before = await chain_of(own, org_id)
    await keep(admin, org_id, 4)
    assert await archive_all(own) == 4
    # Its event still waits for its number: it vouches for the archive all the same.
    assert (await chain_of(own, org_id)).broken is None
    await Relay(own, None).move(system)
    await keep(admin, org_id, 2)
    assert [await archive_all(own), await archive_all(own)] == [3, 0]
    await Relay(own, None).move(system)
    found = await chain_of(own, org_id)
    assert (found.archived, found.events, found.broken) == (7, 5, None)
    assert await numbers(admin, org_id) == [8, 9, 10, 11, 12]
    assert await numbers(admin, forever) == list(range(1, 11))
    first, second = await admin.fetch("SELECT * FROM event_archives WHERE org_id = $1 ORDER BY from_seq", org_id)
    assert [(a["from_seq"], a["to_seq"], a["count"]) for a in (first, second)] == [(1, 4, 4), (5, 7, 3)]
    assert second["previous_hash"] == first["last_hash"]
    assert before.hash == await admin.fetchval("SELECT hash FROM event_log WHERE org_id = $1 AND seq = 10", org_id)


async def test_archiving_twice_at_once_takes_nothing_twice(
    own: Database, system: Connection, admin: Connection
) -> None:
    org_id = await aged(own, system)
    await keep(admin, org_id, 2)
    assert sorted(await asyncio.gather(*(archive(own, org_id, run=3) for _ in range(4)))) == [0, 1, 3, 3]
    found = await chain_of(own, org_id)
    assert (found.broken, found.archived, found.events) == (None, 7, 3)


async def test_a_cursor_into_what_is_archived_says_resync(own: Database, system: Connection, admin: Connection) -> None:
    org_id = await archived_twice(own, system, admin)
    for seq in (0, 3, 6):
        with pytest.raises(ResyncError, match=f"Event {seq + 1} is not in the log any more"):
            await read_after(own, org_id, seq)
    assert [event.seq for event in await read_after(own, org_id, 7)] == [8, 9, 10, 11, 12]


UPDATE_EVENT = "UPDATE event_log SET {} WHERE org_id = '{{org}}' AND seq = {}"
DELETE_EVENT = "DELETE FROM event_log WHERE org_id = '{{org}}' AND seq = {}"
COPY_EVENT = (
    "INSERT INTO event_log SELECT org_id, {}, recorded_at, gen_random_uuid(), actor_id, impersonator_id, type,"
    " target_type, target_id, before, after, occurred_at, previous_hash, hash FROM event_log"
    " WHERE org_id = '{{org}}' AND seq = 8"
)
UPDATE_ARCHIVE = "UPDATE event_archives SET {} WHERE org_id = '{{org}}' AND from_seq = {}"
DELETE_ARCHIVE = "DELETE FROM event_archives WHERE org_id = '{{org}}' AND from_seq >= {} AND to_seq <= {}"

TAMPERED = {
    "the first event that is left": (UPDATE_EVENT.format("type = 'thing.other'", 8), "tampered", 8, False),
    "what it follows": (UPDATE_EVENT.format("previous_hash = repeat('a', 64)", 8), "tampered", 8, False),
    "the first event is gone": (DELETE_EVENT.format(8), "deleted", 8, False),
    "an archived event is back": (COPY_EVENT.format(7), "inserted", 7, False),
    "a later event": (UPDATE_EVENT.format("after = '{{}}'", 10), "tampered", 10, False),
    "the event of an archive is gone": (DELETE_EVENT.format(11), "deleted", 11, False),
    "an archive's digest": (UPDATE_ARCHIVE.format("digest = repeat('a', 64)", 1), "tampered", 1, True),
    "an archive's last hash": (UPDATE_ARCHIVE.format("last_hash = repeat('a', 64)", 5), "tampered", 5, True),
    "when it was archived": (UPDATE_ARCHIVE.format("archived_at = now()", 5), "tampered", 5, True),
    "an archive's end": (UPDATE_ARCHIVE.format("to_seq = 8, count = 4", 5), "tampered", 5, True),
    "the first archive is gone": (DELETE_ARCHIVE.format(1, 4), "deleted", 1, True),
    "the last archive is gone": (DELETE_ARCHIVE.format(5, 7), "deleted", 5, False),
    "all archives are gone": (DELETE_ARCHIVE.format(1, 7), "deleted", 1, False),
}


@pytest.fixture
async def tamper(admin: Connection) -> Tamper:
    """Change log and archives as someone with every right in the database can."""

    async def change(sql: str) -> None:
        async with admin.transaction():
            for table in ("event_log", "event_archives"):
                await admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse_change")
            assert await admin.execute(sql) not in ("UPDATE 0", "DELETE 0", "INSERT 0 0")
            await admin.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in ("event_log", "event_archives"):
                await admin.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse_change")

    return change


async def test_what_was_tampered_with_is_named(
    own: Database, system: Connection, admin: Connection, tamper: Tamper
) -> None:
    orgs = {name: await aged(own, system) for name in (*TAMPERED, "untouched")}
    for months in (4, 2):
        await admin.execute("UPDATE organizations SET event_retention_months = $1", months)
        await archive_all(own)
        while await Relay(own, None).move(system):
            pass
    for name, (sql, *_) in TAMPERED.items():
        await tamper(sql.format(org=orgs[name]))
    chains = {chain.org_id: chain for chain in (await verify(own.settings)).chains}
    assert chains[orgs["untouched"]].broken is None
    for name, (_, kind, seq, of_archive) in TAMPERED.items():
        found = chains[orgs[name]].broken
        assert found is not None, name
        assert (found.kind, found.seq) == (kind, seq), (name, found)
        assert of_archive == found.message.startswith(f"the archive of events {seq} to "), (name, found)


async def test_a_forged_archive_is_named(own: Database, system: Connection, admin: Connection, tamper: Tamper) -> None:
    """Hashes made anew, as somebody does who knows how: no event tells of it."""
    changed, made = [await archived_twice(own, system, admin) for _ in range(2)]
    first, last = await admin.fetch("SELECT * FROM event_archives WHERE org_id = $1 ORDER BY from_seq", changed)
    forged = {name: last[name] for name in Archived.__dataclass_fields__} | {"digest": "a" * 64}
    found = archive_digest(Archived(**forged), first["hash"])
    await tamper(f"UPDATE event_archives SET digest = '{'a' * 64}', hash = '{found}' WHERE id = '{last['id']}'")
    assert (broken := (await chain_of(own, changed)).broken) is not None
    assert (broken.kind, broken.seq, broken.archive_id) == ("tampered", 5, last["id"])

    last = await admin.fetchrow("SELECT * FROM event_archives WHERE org_id = $1 AND from_seq = 5", made)
    event = await admin.fetchrow("SELECT * FROM event_log WHERE org_id = $1 AND seq = 8", made)
    archive = Archived(made, uuid7(), 8, 8, last["last_hash"], event["hash"], 1, "b" * 64, datetime.now(UTC))
    values = (
        *(getattr(archive, name) for name in Archived.__dataclass_fields__),
        archive_digest(archive, last["hash"]),
    )
    await admin.execute("INSERT INTO event_archives VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", *values)
    await tamper(f"DELETE FROM event_log WHERE org_id = '{made}' AND seq = 8")
    assert (broken := (await chain_of(own, made)).broken) is not None
    assert (broken.kind, broken.seq, broken.archive_id) == ("inserted", 8, archive.id)


async def test_a_broken_chain_is_left_as_it_is(
    own: Database, system: Connection, admin: Connection, tamper: Tamper
) -> None:
    broken, sound = await aged(own, system), await aged(own, system)
    await tamper(f"UPDATE event_log SET type = 'thing.other' WHERE org_id = '{broken}' AND seq = 3")
    for org_id in (broken, sound):
        await keep(admin, org_id, 2)
    assert await archive_all(own) == 7
    assert await numbers(admin, broken) == list(range(1, 11))
    assert await numbers(admin, sound) == [8, 9, 10]


async def test_nothing_else_takes_events_out(own: Database, system: Connection, admin: Connection) -> None:
    org_id = await aged(own, system)
    take = "SELECT event_log_archive(gen_random_uuid(), $1, 1, $2, now(), $3, '')"
    digest = "encode(sha256(convert_to(string_agg(hash, '' ORDER BY seq), 'UTF8')), 'hex')"
    of = f"SELECT {digest} FROM event_log WHERE org_id = $1 AND seq <= $2"
    for months, last in ((None, 4), (5, 4), (4, 5), (2, 8)):
        await keep(admin, org_id, months)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="keeps events"):
            await system.execute(take, org_id, last, await admin.fetchval(of, org_id, last))
    with pytest.raises(asyncpg.DataError, match="not what was to be archived"):
        await system.execute(take, org_id, 7, "a" * 64)
    app = await connect(own.settings, APP_ROLE, "app")
    try:
        for connection in (app, system):
            for statement in ("DELETE FROM event_archives", "UPDATE event_archives SET count = 1"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(take, org_id, 7, await admin.fetchval(of, org_id, 7))
    finally:
        await app.close()
    await archive(own, org_id)
    for statement in ("DELETE FROM event_archives", "UPDATE event_archives SET count = 1", "TRUNCATE event_archives"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await admin.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await admin.execute("DELETE FROM event_log WHERE org_id = $1 AND seq = 8", org_id)


async def test_empty_partitions_of_the_past_are_dropped(own: Database, system: Connection, admin: Connection) -> None:
    for months in (5, 4, 3):
        await admin.execute("SELECT event_log_add_partition($1)", months_ago(months).date())
    org_id, forever = await aged(own, system), (await organization(own))[0]
    await past(system, forever, months_ago(3))
    left = "SELECT count(*) FROM pg_partition_tree('event_log') WHERE relid::text ~ '[0-9]$'"
    before = await admin.fetchval(left)
    await keep(admin, org_id, 2)
    # Four months ago nothing happened; the others hold events.
    assert await drop_empty_partitions(own) == 1
    assert await system.fetchval("SELECT event_log_drop_partition($1)", months_ago(5).date()) is False
    assert await archive_all(own) == 7
    reader = admin.transaction()
    await reader.start()
    await admin.fetch("SELECT FROM event_log LIMIT 1")
    assert await drop_empty_partitions(own) == 0  # who reads is not kept waiting, and neither are those behind
    await reader.rollback()
    assert await drop_empty_partitions(own) == 1
    assert await admin.fetchval(left) == before - 2
    forced = "SELECT bool_and(relrowsecurity AND relforcerowsecurity) FROM pg_class WHERE relname ~ '^event_log_[0-9d]'"
    assert await admin.fetchval(f"{forced} AND relkind = 'r'")
    assert (await verify(own.settings)).intact
