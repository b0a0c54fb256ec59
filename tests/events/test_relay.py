"""The relay against real concurrency: nothing lost, nothing doubled, commits of an aggregate in order."""

import asyncio
from functools import partial
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from db.events import outbox
from db.events.connection import Connection, libpq_url
from db.session import Database
from domain.events.relay import LOCK, LOCKED, Relay
from runtime import hints
from runtime.servers.valkey import Valkey
from tests.factories.events import event, running, until, write


async def logged(system: Connection, org_id: UUID) -> list[asyncpg.Record]:
    return await system.fetch("SELECT * FROM event_log WHERE org_id = $1 ORDER BY seq", org_id)


async def test_sixteen_writers_lose_nothing_and_keep_each_aggregates_order(
    own: Database, redis: Redis, system: Connection, admin: Connection
) -> None:
    orgs = [uuid7() for _ in range(4)]
    things = {org: [uuid7() for _ in range(3)] for org in orgs}
    await admin.execute("CREATE TABLE scratch (id uuid PRIMARY KEY, n int NOT NULL DEFAULT 0)")
    await admin.execute("GRANT SELECT, UPDATE ON scratch TO opsgraph_app")
    await admin.executemany("INSERT INTO scratch (id) VALUES ($1)", [(t,) for ts in things.values() for t in ts])

    async def writer(number: int) -> None:
        for turn in range(40):
            org = orgs[(number + turn) % 4]
            thing = things[org][(number * 7 + turn) % 3]
            async with own.tenant(org) as session:
                raised = text("UPDATE scratch SET n = n + 1 WHERE id = :id RETURNING n")
                n = await session.scalar(raised, {"id": thing})
                outbox.record(session, event(org, target_id=thing, after={"n": n}))
            await hints.committed(redis)

    async with running(Relay(own, redis, batch=37).run()):
        await asyncio.gather(*(writer(number) for number in range(16)))
        await until(lambda: nothing_pending(system))
    rows = {org: await logged(system, org) for org in orgs}
    assert sum(len(found) for found in rows.values()) == 16 * 40
    for org, found in rows.items():
        assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
        for thing in things[org]:
            numbers = [row["after"] for row in found if row["target_id"] == thing]
            assert numbers == [f'{{"n": {n}}}' for n in range(1, len(numbers) + 1)]


async def nothing_pending(system: Connection) -> bool:
    return not await system.fetchval("SELECT count(*) FROM outbox_pending")


async def test_two_relays_double_nothing(own: Database, redis: Redis, system: Connection) -> None:
    org = uuid7()
    async with running(Relay(own, redis, batch=5).run()), running(Relay(own, None, batch=5, poll=0.001).run()):
        await asyncio.gather(*(write(own, org, 20) for _ in range(30)))
        await until(lambda: nothing_pending(system))
    rows = await logged(system, org)
    assert [row["seq"] for row in rows] == list(range(1, 601))
    assert len({row["id"] for row in rows}) == 600
    for before, after in pairwise(rows):
        assert after["previous_hash"] == before["hash"]


async def test_a_position_that_commits_late_is_numbered_late(own: Database, system: Connection) -> None:
    org = uuid7()
    relay = Relay(own, None)
    async with own.tenant(org) as slow:
        slow.add(event(org, type="slow"))
        await slow.flush()
        await write(own, org, type="fast")
        assert await relay.move(system) == 1
    assert await relay.move(system) == 1
    assert [(row["seq"], row["type"]) for row in await logged(system, org)] == [(1, "fast"), (2, "slow")]


async def test_events_get_their_position_when_the_transaction_ends(own: Database, system: Connection) -> None:
    org = uuid7()
    async with own.tenant(org) as first:
        outbox.record(first, event(org, type="recorded first"))
        await first.flush()
        await write(own, org, type="committed first")
    assert await Relay(own, None).move(system) == 2
    assert [row["type"] for row in await logged(system, org)] == ["committed first", "recorded first"]


async def test_the_platform_records_events_too(own: Database, system: Connection) -> None:
    org = uuid7()
    async with own.platform() as session:
        outbox.record(session, event(org, type="signed.up"))
    assert await Relay(own, None).move(system) == 1
    assert [row["type"] for row in await logged(system, org)] == ["signed.up"]


async def test_a_rollback_takes_its_events_back_to_the_savepoint(own: Database, system: Connection) -> None:
    org = uuid7()
    async with own.tenant(org) as session:
        outbox.record(session, event(org, type="kept"))
        savepoint = await session.begin_nested()
        outbox.record(session, event(org, type="taken back"))
        await savepoint.rollback()
        async with session.begin_nested():
            outbox.record(session, event(org, type="kept too"))
    await Relay(own, None).move(system)
    assert [row["type"] for row in await logged(system, org)] == ["kept", "kept too"]


async def test_only_the_holder_of_the_lock_works(own: Database, system: Connection, admin: Connection) -> None:
    org = uuid7()
    await write(own, org)
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        assert await Relay(own, None).move(system) == 0
    assert await Relay(own, None).move(system) == 1


async def test_a_batch_is_durable_before_it_is_seen(system: Connection) -> None:
    """Throw-away servers acknowledge commits early; the relay's are not."""
    async with system.transaction():
        assert await system.fetchval(LOCKED, LOCK)
        assert await system.fetchval("SHOW synchronous_commit") == "on"
    assert await system.fetchval("SHOW synchronous_commit") == "off"


async def test_it_outlives_lost_connections(own: Database, system: Connection, admin: Connection) -> None:
    org = uuid7()
    async with running(Relay(own, None).run()):
        for number in range(1, 4):
            await write(own, org)
            await until(partial(at_least, system, org, number))
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'opsgraph-relay'"
                " AND datname = current_database()"
            )
    assert [row["seq"] for row in await logged(system, org)] == [1, 2, 3]


async def at_least(system: Connection, org_id: UUID, count: int) -> bool:
    return len(await logged(system, org_id)) >= count


async def test_it_announces_heads_and_works_while_redis_is_away(
    own: Database, own_redis: Redis, valkey: Valkey, system: Connection
) -> None:
    org = uuid7()
    heads: list[str] = []
    listener = hints.Listener(own_redis)
    listener.add(hints.events_channel(org), heads.append)
    async with running(listener.run()), running(Relay(own, own_redis).run()):
        await until(lambda: _true(listener.connected))
        await write(own, org, 3)
        await until(lambda: _true("3" in heads))
        valkey.stop()
        await write(own, org, 2)
        await until(lambda: at_least(system, org, 5))
        valkey.start()
        await until(lambda: _true(listener.connected and heads[-1] == ""))

        async def announced() -> bool:
            await write(own, org)  # after a failure no hints are sent for a second
            return heads[-1] != ""

        await until(announced)


async def _true(value: object) -> bool:
    return bool(value)


async def test_a_tenant_writes_only_its_own_events_and_reads_none(own: Database) -> None:
    mine, other = uuid7(), uuid7()
    for statement in (
        "SELECT * FROM outbox_pending",
        "DELETE FROM outbox_pending",
        "UPDATE outbox_pending SET type = 'x'",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with own.tenant(mine) as session:
                await session.execute(text(statement))
    with pytest.raises(DBAPIError, match="row-level security"):
        async with own.tenant(mine) as session:
            outbox.record(session, event(other))


async def test_urls_with_a_driver_name_are_understood() -> None:
    assert libpq_url("postgresql+asyncpg://u@h/d") == "postgresql://u@h/d"
