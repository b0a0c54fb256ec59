"""The live hub: replay, then live, each event exactly once, through outages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import UUID

import pytest
from redis.asyncio import Redis
from uuid_utils.compat import uuid7

from db.events.connection import Connection
from db.session import Database
from domain.events.errors import ResyncError, ShutdownError
from domain.events.live import KEPT, LiveHub
from domain.events.reading import EventRow
from runtime.servers.valkey import Valkey
from tests.factories.events import until, write


@asynccontextmanager
async def started(hub: LiveHub) -> AsyncIterator[LiveHub]:
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


@pytest.fixture
async def hub(own: Database, redis: Redis) -> AsyncIterator[LiveHub]:
    async with started(LiveHub(own, redis)) as running_hub:
        yield running_hub


class Consumer:
    """Takes events in the background and keeps their numbers."""

    def __init__(self, hub: LiveHub, org_id: UUID, after: int | None = None) -> None:
        self.seqs: list[int] = []
        self.error: BaseException | None = None
        self._source = hub.events(org_id, after)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for event in self._source:
                self.seqs.append(event.seq)
        except Exception as error:
            self.error = error

    async def __aenter__(self) -> "Consumer":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._source.aclose()

    async def has(self, seq: int) -> bool:
        if self.error is not None:
            raise self.error
        return bool(self.seqs) and self.seqs[-1] >= seq

    async def ended(self) -> BaseException | None:
        return self.error


async def head_is(system: Connection, org_id: UUID, seq: int) -> bool:
    return bool(await system.fetchval("SELECT seq >= $2 FROM event_heads WHERE org_id = $1", org_id, seq))


async def test_replay_and_live_join_without_gap_or_duplicate(
    own: Database, system: Connection, hub: LiveHub, relay: None
) -> None:
    org, other = uuid7(), uuid7()
    await write(own, org, 1_300)
    await until(lambda: head_is(system, org, 1_300))

    async def writer() -> None:
        for _ in range(25):
            await write(own, org, 3)
            await write(own, other)

    async with AsyncExitStack() as stack:
        writers = asyncio.gather(*(writer() for _ in range(8)))
        consumers = []
        for after in (0, 1, 499, 500, 1_299, 1_300, 0, 700):
            consumers.append((after, await stack.enter_async_context(Consumer(hub, org, after))))
            await write(own, org)
        await writers
        last = 1_300 + 8 + 8 * 75
        for after, consumer in consumers:
            await until(partial(consumer.has, last))
            assert consumer.seqs == list(range(after + 1, last + 1))


async def test_without_a_cursor_only_what_comes_is_given(
    own: Database, system: Connection, hub: LiveHub, relay: None
) -> None:
    org = uuid7()
    await write(own, org, 5)
    await until(lambda: head_is(system, org, 5))
    async with Consumer(hub, org) as consumer:
        await until(lambda: followed(hub, org))
        await write(own, org, 2)
        await until(lambda: consumer.has(7))
        assert consumer.seqs == [6, 7]


async def followed(hub: LiveHub, org: UUID) -> bool:
    return org in hub.followed


async def test_an_event_carries_what_was_recorded(own: Database, hub: LiveHub, relay: None) -> None:
    org, target = uuid7(), uuid7()
    await write(own, org, type="thing.made", target_id=target, before={"a": 1}, after={"a": 2.50})
    events = hub.events(org, 0)
    event: EventRow = await anext(events)
    await events.aclose()
    assert (event.seq, event.type, event.target_type, event.target_id) == (1, "thing.made", "th", target)
    assert (event.before, event.after) == ('{"a": 1}', '{"a": 2.5}')
    assert event.recorded_at >= event.occurred_at


async def test_only_organizations_with_subscribers_are_followed_and_read_once(
    own: Database, hub: LiveHub, admin: Connection, relay: None
) -> None:
    org, unheard = uuid7(), uuid7()
    async with AsyncExitStack() as stack:
        consumers = [await stack.enter_async_context(Consumer(hub, org, 0)) for _ in range(20)]
        await until(lambda: followed(hub, org))
        reads = hub.reads
        for number in range(1, 6):
            await write(own, unheard)
            await write(own, org)
            for consumer in consumers:
                await until(partial(consumer.has, number))
        assert hub.reads - reads == 5
        assert hub.followed == {org}
    assert hub.followed == set()


async def test_who_takes_nothing_misses_nothing_and_slows_nobody(
    own: Database, system: Connection, hub: LiveHub, relay: None
) -> None:
    org = uuid7()
    await write(own, org)
    await until(lambda: head_is(system, org, 1))
    async with Consumer(hub, org, 1) as quick:
        slow = hub.events(org, 1)
        await write(own, org)
        taken = [(await anext(slow)).seq]
        await write(own, org, KEPT + 100)  # more than is kept in memory
        last = KEPT + 102
        await until(lambda: quick.has(last))
        while taken[-1] < last:
            taken.append((await anext(slow)).seq)
        await slow.aclose()
        assert taken == quick.seqs == list(range(2, last + 1))


async def test_without_redis_it_polls(own: Database, relay: None) -> None:
    org = uuid7()
    async with started(LiveHub(own, None)) as hub, Consumer(hub, org, 0) as consumer:
        for number in range(1, 4):
            await write(own, org)
            await until(partial(consumer.has, number))


async def test_it_outlives_redis(own: Database, own_redis: Redis, valkey: Valkey, relay: None) -> None:
    org = uuid7()
    async with started(LiveHub(own, own_redis)) as hub, Consumer(hub, org, 0) as consumer:
        for number in range(1, 7):
            if number == 3:
                valkey.stop()
            if number == 5:
                valkey.start()
            await write(own, org)
            await until(partial(consumer.has, number))
        assert consumer.seqs == [1, 2, 3, 4, 5, 6]


async def test_it_outlives_lost_database_connections(
    own: Database, hub: LiveHub, admin: Connection, relay: None
) -> None:
    org = uuid7()
    async with Consumer(hub, org, 0) as consumer:
        for number in range(1, 4):
            await write(own, org)
            await until(partial(consumer.has, number))
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert consumer.seqs == [1, 2, 3]


async def test_a_cursor_ahead_of_the_log_says_resync(own: Database, hub: LiveHub, relay: None) -> None:
    with pytest.raises(ResyncError):
        await anext(hub.events(uuid7(), 5))


async def test_a_restored_log_ends_subscriptions_with_resync(
    own: Database, redis: Redis, admin: Connection, relay: None
) -> None:
    org = uuid7()
    async with started(LiveHub(own, redis, poll=0.02)) as hub, Consumer(hub, org, 0) as consumer:
        await hub.epoch()
        await write(own, org)
        await until(lambda: consumer.has(1))
        await admin.execute("SELECT event_epoch_renew()")
        assert isinstance(await until(consumer.ended), ResyncError)
        assert await hub.epoch() == await admin.fetchval("SELECT event_epoch()")


async def test_a_log_that_lost_events_ends_subscriptions_with_resync(
    own: Database, redis: Redis, admin: Connection, relay: None
) -> None:
    org = uuid7()
    async with started(LiveHub(own, redis, poll=0.02)) as hub, Consumer(hub, org, 0) as consumer:
        await write(own, org, 3)
        await until(lambda: consumer.has(3))
        async with admin.transaction():
            await admin.execute("ALTER TABLE event_log DISABLE TRIGGER refuse_change")
            await admin.execute("DELETE FROM event_log WHERE org_id = $1 AND seq > 1", org)
            await admin.execute("UPDATE event_heads SET seq = 1 WHERE org_id = $1", org)
        assert isinstance(await until(consumer.ended), ResyncError)


async def test_closing_tells_everyone_to_resume(own: Database, redis: Redis, relay: None) -> None:
    org = uuid7()
    hub = LiveHub(own, redis)
    await hub.start()
    async with Consumer(hub, org, 0) as consumer:
        await write(own, org)
        await until(lambda: consumer.has(1))
        await hub.close()
        assert isinstance(await until(consumer.ended), ShutdownError)
        with pytest.raises(ShutdownError):
            await anext(hub.events(org, 0))
