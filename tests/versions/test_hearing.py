"""Hearing for certain: what Redis took before the question has been heard when the answer is yes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from runtime import hints
from runtime.hearing import Hearing
from runtime.servers.valkey import Valkey
from tests.factories.events import running, until


class Ear:
    """What was heard, and how often something may have been missed."""

    def __init__(self, redis: Redis) -> None:
        self.heard: list[tuple[str, str]] = []
        self.gaps = 0
        self.hearing = Hearing(redis, lambda channel, payload: self.heard.append((channel, payload)), self._gap)

    def _gap(self) -> None:
        self.gaps += 1

    async def connected(self) -> bool:
        return await self.hearing.heard()


@asynccontextmanager
async def listening(redis: Redis) -> AsyncIterator[Ear]:
    ear = Ear(redis)
    async with running(ear.hearing.run()):
        await until(ear.connected)
        yield ear


@pytest.fixture
async def redis(own_valkey: Valkey) -> AsyncIterator[Redis]:
    client = hints.connect(own_valkey.url)
    yield client
    await client.aclose()


async def test_everything_said_before_has_been_heard(redis: Redis) -> None:
    async with listening(redis) as ear:
        ear.hearing.follow("one", "two")
        assert await ear.hearing.heard()
        for number in range(200):
            await redis.publish("one" if number % 2 else "two", str(number))
            assert await ear.hearing.heard()
            assert ear.heard[-1][1] == str(number)


async def test_many_ask_at_once(redis: Redis) -> None:
    async with listening(redis) as ear:
        ear.hearing.follow("one")

        async def say_and_ask(number: int) -> bool:
            await redis.publish("one", str(number))
            return await ear.hearing.heard() and ("one", str(number)) in ear.heard

        assert await ear.hearing.heard()
        assert all(await asyncio.gather(*(say_and_ask(number) for number in range(100))))


async def test_what_is_not_followed_any_more_is_not_heard(redis: Redis) -> None:
    async with listening(redis) as ear:
        ear.hearing.follow("one", "two")
        ear.hearing.unfollow("one")
        assert await ear.hearing.heard()
        await redis.publish("one", "lost")
        await redis.publish("two", "kept")
        assert await ear.hearing.heard()
        assert ear.heard == [("two", "kept")]


async def test_who_cannot_be_asked_is_not_relied_on(redis: Redis, own_valkey: Valkey) -> None:
    """A server that takes what is sent and answers nothing, as one that hangs or is cut off."""
    async with listening(redis) as ear:
        ear.hearing.follow("one")
        assert own_valkey.process
        os.kill(own_valkey.process.pid, signal.SIGSTOP)
        try:
            assert not any(await asyncio.gather(*(ear.hearing.heard() for _ in range(5))))
            assert ear.gaps == 1
            assert not await ear.hearing.heard()
        finally:
            os.kill(own_valkey.process.pid, signal.SIGCONT)
        await until(ear.connected)
        await redis.publish("one", "again")
        assert await ear.hearing.heard()
        assert ear.heard == [("one", "again")]


async def test_a_lost_connection_is_a_gap(redis: Redis, own_valkey: Valkey) -> None:
    async with listening(redis) as ear:
        ear.hearing.follow("one")
        assert await ear.hearing.heard()

        async def noticed() -> bool:
            return not ear.hearing.connected

        with capture_logs() as lines:
            await asyncio.to_thread(own_valkey.stop)
            await until(noticed)
        # Others of this process may listen to the same server, and each says so once.
        assert {line["event"] for line in lines} == {"hints lost"}
        own_valkey.start()

        async def back() -> bool:
            return ear.gaps == 1 and await ear.hearing.heard()

        await until(back)
        await redis.publish("one", "again")
        assert await ear.hearing.heard()
        assert ear.heard == [("one", "again")]
