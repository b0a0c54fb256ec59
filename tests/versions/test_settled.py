"""What a process knows of versions, and when it knows nothing."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from db.session import Database
from domain.events.versions import Versions
from graph.app import create_app
from runtime import hints
from runtime.servers.throwaway import Throwaway
from tests.conftest import TEMPLATE, serving
from tests.factories.api import connected
from tests.factories.events import until, write
from tests.factories.identity import owner
from tests.versions.conftest import DEPARTMENTS, Client, Pair

SEVEN, EIGHT = "epoch.0005.hash.7", "epoch.0005.hash.8"


@asynccontextmanager
async def knowing(db: Database, url: str, *, kept: int = 10, seconds: float = 60.0) -> AsyncIterator[Versions]:
    """The versions of one process, once it hears."""
    redis = hints.connect(url)
    versions = Versions(db, redis, kept=kept, seconds=seconds)
    await versions.start()
    try:
        await until(lambda: versions.begin(uuid4()))
        yield versions
    finally:
        await versions.close()
        await redis.aclose()


async def settle(versions: Versions, org_id: UUID, version: str = SEVEN) -> None:
    versions.settle(await versions.begin(org_id), version)


async def test_settled_until_something_is_heard(own_db: Database, pair: Pair) -> None:
    org_id, foreign = uuid4(), uuid4()
    async with knowing(own_db, pair.valkey.url) as versions:
        assert await versions.settled(org_id) is None
        await settle(versions, org_id)
        assert await versions.settled(org_id) == SEVEN
        versions.committed(foreign)
        assert await versions.settled(org_id) == SEVEN
        versions.committed(org_id)
        assert await versions.settled(org_id) is None


async def test_what_was_read_before_something_was_heard_is_not_settled(own_db: Database, pair: Pair) -> None:
    org_id = uuid4()
    async with knowing(own_db, pair.valkey.url) as versions:
        ticket = await versions.begin(org_id)
        versions.committed(org_id)
        versions.settle(ticket, SEVEN)
        assert await versions.settled(org_id) is None
        versions.settle(await versions.begin(org_id), None)  # events wait for their numbers
        assert await versions.settled(org_id) is None


async def test_commits_elsewhere_are_heard_before_the_question(own_db: Database, pair: Pair) -> None:
    org_id = uuid4()
    redis = hints.connect(pair.valkey.url)
    async with knowing(own_db, pair.valkey.url) as versions:
        for _ in range(50):
            await settle(versions, org_id)
            assert await hints.commits(redis, [org_id])
            assert await versions.settled(org_id) is None
    await redis.aclose()


async def test_the_relay_tells_of_heads(own_db: Database, pair: Pair) -> None:
    """Of the one that is known it need not."""
    org_id = uuid4()
    redis = hints.connect(pair.valkey.url)
    async with knowing(own_db, pair.valkey.url) as versions:
        await settle(versions, org_id)
        await hints.publish(redis, hints.events_channel(org_id), 7)
        assert await versions.settled(org_id) == SEVEN
        await hints.publish(redis, hints.events_channel(org_id), 8)
        assert await versions.settled(org_id) is None
        await settle(versions, org_id, EIGHT)
        assert await versions.settled(org_id) == EIGHT
    await redis.aclose()


async def test_notifications_name_organizations_or_mean_all(own_db: Database, pair: Pair) -> None:
    one, two = uuid4(), uuid4()
    async with knowing(own_db, pair.valkey.url) as versions:
        await settle(versions, one)
        await settle(versions, two)
        await write(own_db, one)

        async def heard() -> bool:
            return await versions.settled(one) is None

        await until(heard)
        assert await versions.settled(two) == SEVEN
        versions.forget()
        assert await versions.settled(two) is None


async def test_the_organization_that_was_asked_for_least_recently_is_forgotten(own_db: Database, pair: Pair) -> None:
    one, two, three = uuid4(), uuid4(), uuid4()
    async with knowing(own_db, pair.valkey.url, kept=2) as versions:
        await settle(versions, one)
        await settle(versions, two)
        await settle(versions, one)
        await settle(versions, three)
        assert [await versions.settled(each) for each in (one, two, three)] == [SEVEN, None, SEVEN]


async def test_what_was_forgotten_meanwhile_is_not_settled(own_db: Database, pair: Pair) -> None:
    """Nobody listened for a while: a version from before is worth nothing."""
    one, two = uuid4(), uuid4()
    async with knowing(own_db, pair.valkey.url, kept=1) as versions:
        ticket = await versions.begin(one)
        await versions.begin(two)
        versions.committed(one)
        await versions.begin(one)
        versions.settle(ticket, SEVEN)
        assert await versions.settled(one) is None


async def test_what_is_forgotten_during_the_question_is_not_settled(
    own_db: Database, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = uuid4()
    async with knowing(own_db, pair.valkey.url, kept=1) as versions:
        await settle(versions, one)
        sure = versions._sure

        async def meanwhile() -> bool:
            monkeypatch.undo()
            await versions.begin(uuid4())
            versions.committed(one)
            return await sure()

        monkeypatch.setattr(versions, "_sure", meanwhile)
        assert await versions.settled(one) is None


async def test_nothing_is_settled_for_ever(own_db: Database, pair: Pair) -> None:
    async with knowing(own_db, pair.valkey.url, seconds=0.0) as versions:
        await settle(versions, org_id := uuid4())
        assert await versions.settled(org_id) is None


async def test_without_redis_nothing_is_known(own_db: Database) -> None:
    versions = Versions(own_db, None)
    await versions.start()
    assert await versions.begin(org_id := uuid4()) is None
    assert await versions.settled(org_id) is None
    await versions.close()


async def test_a_replica_that_lags(servers: Throwaway, pair: Pair, own_db: Database) -> None:
    """It shows what it has under the tag of what it has, and nobody who saw more is told that nothing changed."""
    old = servers.database("lagging", TEMPLATE)  # as it was before anything happened
    lagging = pair.settings.model_copy(update={"database_read_url": old})
    with socket.create_server(("127.0.0.1", 0), backlog=64) as bound, serving(create_app(lagging), bound) as replica:
        async with connected() as http:
            client = Client(await owner(own_db, pair.settings), http, pair)
            await client.create("Stores")
            await client.settle(pair.a)
            fresh = client.kept.copy()
            confirmed = await client.get(replica, DEPARTMENTS)  # the primary says that it is still so
            assert confirmed.status_code == 304
            client.kept.clear()
            behind = await client.get(replica, DEPARTMENTS)
            assert behind.json()["data"]["departments"]["totalCount"] == 0
            assert behind.headers["etag"].startswith('W/"v0-')
            assert behind.headers["etag"] not in {each.headers["etag"] for each in fresh.values()}
            assert (await client.get(pair.a)).status_code == 200
            client.kept = fresh
            await client.create("Tools")
            assert (await client.get(replica, DEPARTMENTS)).status_code == 200
    servers.postgres.psql('DROP DATABASE "lagging" WITH (FORCE)')
