"""The read pool: every read in its own scope whatever happens around it, and nobody waits for long."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from db import sharing
from db.read_connection import ReadConnection
from db.reads import ReadPool
from db.sharing import Scope, Shared
from runtime.servers.throwaway import with_database
from tests.compiler.conftest import World, actor
from tests.compiler.population import ORGS
from tests.factories.events import until

MINE = "SELECT current_setting('app.org_id') AS org, current_setting('app.user_id') AS person"
LOCK = 4711
SCOPES: list[Scope] = [actor(org, person=person).self_scope for org in ORGS for person in (6, 7)]


@pytest.fixture
async def pool(world: World) -> AsyncIterator[ReadPool]:
    made = ReadPool(world.platform.settings.model_copy(update={"database_read_pool_size": 3}))
    yield made
    await made.close()


async def test_reads_at_once_stay_in_their_scope(pool: ReadPool) -> None:
    pick = random.Random(5)

    async def read(scope: Scope, kind: float) -> None:
        if kind < 0.1:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await pool.fetchrow("SELECT 1 / 0", [], scope)
        elif kind < 0.2:
            task = asyncio.ensure_future(pool.fetchrow(MINE, [], scope))
            for _ in range(pick.randrange(6)):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                assert tuple(await task) == scope
        else:
            assert tuple(await pool.fetchrow(MINE, [], scope)) == scope

    reads = [read(pick.choice(SCOPES), pick.random()) for _ in range(600)]
    await asyncio.wait_for(asyncio.gather(*reads), 60)
    for scope in SCOPES:
        assert tuple(await pool.fetchrow(MINE, [], scope)) == scope


async def test_a_long_read_does_not_hold_up_its_scope(world: World, pool: ReadPool) -> None:
    """The second read of the scope waits a moment for the first, and then takes another connection."""
    scope, other = SCOPES[0], SCOPES[-1]
    for each in (scope, other):
        await pool.fetchrow(MINE, [], each)
    outside = await asyncpg.connect(with_database(world.platform.settings.database_url, "compiler"))
    try:
        await outside.execute("SELECT pg_advisory_lock($1)", LOCK)
        long = asyncio.ensure_future(pool.fetchrow("SELECT pg_advisory_lock_shared($1)", [LOCK], scope))
        found = await asyncio.wait_for(asyncio.gather(*(pool.fetchrow(MINE, [], scope) for _ in range(5))), 20)
        assert {tuple(row) for row in found} == {scope}
        assert not long.done()
        await outside.execute("SELECT pg_advisory_unlock($1)", LOCK)
        await long
    finally:
        await outside.close()


async def test_one_who_waits_gets_the_connection_of_its_scope(
    world: World, pool: ReadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More reads than connections, of as many scopes: who has the patience finds the scope set."""
    monkeypatch.setattr(sharing, "SHORTEST_PATIENCE", 60.0)
    monkeypatch.setattr(sharing, "LONGEST_PATIENCE", 60.0)
    scopes = SCOPES[:3]
    for scope in scopes:
        await pool.fetchrow(MINE, [], scope)
    start = world.log.stat().st_size
    await asyncio.gather(*(pool.fetchrow(MINE, [], scope) for scope in scopes * 2))
    assert not [text for text in world.statements(start) if "set_config" in text]


async def test_connections_that_end_are_replaced(world: World, pool: ReadPool) -> None:
    owner = await asyncpg.connect(with_database(world.platform.settings.database_url, "compiler"))
    try:
        for _ in range(3):
            await asyncio.gather(*(pool.fetchrow(MINE, [], scope) for scope in SCOPES))
            pids = {(await pool.fetchrow("SELECT pg_backend_pid()", [], scope))[0] for scope in SCOPES}
            reads = [asyncio.ensure_future(pool.fetchrow(MINE, [], scope)) for scope in SCOPES * 3]
            for pid in pids:
                await owner.execute("SELECT pg_terminate_backend($1)", pid)
            for row, scope in zip(await asyncio.gather(*reads), SCOPES * 3, strict=True):
                assert tuple(row) == scope
    finally:
        await owner.close()


async def test_all_connections_of_a_scope_may_have_ended(world: World, pool: ReadPool) -> None:
    """The server was restarted while nobody read: the first read after it does not fail."""
    scope = SCOPES[0]
    owner = await asyncpg.connect(with_database(world.platform.settings.database_url, "compiler"))
    try:
        sleepers = [pool.fetchrow("SELECT pg_backend_pid() FROM pg_sleep(0.2)", [], scope) for _ in range(3)]
        pids = {row[0] for row in await asyncio.gather(*sleepers)}
        assert len(pids) == 3
        for pid in pids:
            await owner.execute("SELECT pg_terminate_backend($1)", pid)

        async def ended() -> bool:
            return all(connection.is_closed() for connection in pool._shared._free)

        await until(ended)
        assert tuple(await pool.fetchrow(MINE, [], scope)) == scope
    finally:
        await owner.close()


async def test_a_read_that_is_cancelled_while_it_connects_leaves_nothing_open(
    world: World, pool: ReadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ReadConnection] = []
    waiting = asyncio.Event()

    async def hang(connection: ReadConnection, *_: object, **__: object) -> None:
        opened.append(connection)
        waiting.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncpg.Connection, "set_type_codec", hang)
    read = asyncio.ensure_future(pool.fetchrow(MINE, [], SCOPES[0]))
    await asyncio.wait_for(waiting.wait(), 20)
    read.cancel()
    with suppress(asyncio.CancelledError):
        await read
    assert [connection.is_closed() for connection in opened] == [True]


async def test_a_connection_that_was_handed_to_a_cancelled_read_is_found_by_its_scope(pool: ReadPool) -> None:
    """Nobody of its scope was about any more when it came back."""
    shared = Shared(1, pool._connect)
    one, other = SCOPES[0], SCOPES[-1]
    connection, place, _ = await shared.borrow(one)
    waiting = asyncio.ensure_future(shared.borrow(other))
    await asyncio.sleep(0)
    shared.give_back(connection, place, 0.001)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    again, place, found = await shared.borrow(one)
    assert again is connection
    assert found
    shared.give_back(again, place, 0.001)
    third, place, found = await shared.borrow(other)
    assert third is connection
    assert not found
    await shared.close()
    shared.give_back(third, place, 0.001)
    assert third.is_closed()
