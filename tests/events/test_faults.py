"""kill -9 of the servers while events are written, numbered and followed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from db.events.connection import connect
from db.migrate import upgrade
from db.rls import SYSTEM_ROLE
from db.session import Database
from domain.events.audit import verify
from domain.events.live import LiveHub
from domain.events.relay import Relay
from runtime import hints
from runtime.servers.postgres import LOGIN
from runtime.servers.throwaway import Throwaway, throwaway
from runtime.settings import Settings
from tests.factories.events import running, until, write

ROUNDS = 2
WRITERS = 6


@pytest.fixture
def mortal() -> Iterator[Throwaway]:
    with throwaway() as servers:
        # Throw-away servers acknowledge commits early; here an acknowledged commit must outlive a kill.
        servers.postgres.psql(f"ALTER DATABASE {LOGIN} SET synchronous_commit = on")
        yield servers


@pytest.fixture
async def doomed(mortal: Throwaway) -> AsyncIterator[Database]:
    settings = Settings(
        _env_file=None, environment="test", database_url=mortal.postgres.url, redis_url=mortal.valkey.url
    )
    await asyncio.to_thread(upgrade, settings)
    database = Database(settings)
    yield database
    await database.close()


class Writers:
    """Writes until stopped; `acknowledged` are the targets of the events whose commit was confirmed."""

    def __init__(self, db: Database, orgs: list[UUID]) -> None:
        self.db = db
        self.orgs = orgs
        self.acknowledged: set[UUID] = set()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        await asyncio.gather(*(self._write(number) for number in range(WRITERS)))

    async def _write(self, number: int) -> None:
        while not self._stop.is_set():
            target = uuid7()
            try:
                await write(self.db, self.orgs[number % len(self.orgs)], target_id=target)
                self.acknowledged.add(target)
            except (SQLAlchemyError, OSError):
                await asyncio.sleep(0.05)

    async def more(self, count: int) -> None:
        """Wait until `count` more events were acknowledged."""
        wanted = len(self.acknowledged) + count

        async def enough() -> bool:
            return len(self.acknowledged) >= wanted

        await until(enough, 60)

    def stop(self) -> None:
        self._stop.set()


class Follower:
    """A client that resumes behind its last event whenever it is told to."""

    def __init__(self, hub: LiveHub, org_id: UUID) -> None:
        self.hub, self.org_id = hub, org_id
        self.seqs: list[int] = []
        self.targets: list[UUID] = []

    async def run(self) -> None:
        while True:
            try:
                async for event in self.hub.events(self.org_id, self.seqs[-1] if self.seqs else 0):
                    self.seqs.append(event.seq)
                    self.targets.append(event.target_id)
            except (SQLAlchemyError, OSError):
                await asyncio.sleep(0.05)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


async def test_nothing_is_lost_or_doubled_when_servers_are_killed(mortal: Throwaway, doomed: Database) -> None:
    orgs = [uuid7(), uuid7()]
    redis = hints.connect(mortal.valkey.url)
    hub = LiveHub(doomed, redis)
    await hub.start()
    writers = Writers(doomed, orgs)
    followers = [Follower(hub, org) for org in orgs]
    async with (
        running(Relay(doomed, redis).run()),
        running(Relay(doomed, redis, batch=20).run()),
        running(followers[0].run()),
        running(followers[1].run()),
    ):
        writing = asyncio.create_task(writers.run())
        for _ in range(ROUNDS):
            await writers.more(150)
            assert mortal.valkey.process
            kill(mortal.valkey.process.pid)
            await writers.more(50)
            await asyncio.to_thread(mortal.valkey.stop)
            mortal.valkey.start()
            await writers.more(50)
            assert mortal.postgres.process
            kill(mortal.postgres.process.pid)
            await asyncio.to_thread(mortal.postgres.stop)
            mortal.postgres.start()
            await writers.more(50)
        writers.stop()
        await writing

        async def arrived() -> bool:
            return writers.acknowledged <= {target for follower in followers for target in follower.targets}

        await until(arrived, 60)
        await check(doomed, writers, followers)
    await hub.close()
    await redis.aclose()


async def check(db: Database, writers: Writers, followers: list[Follower]) -> None:
    system = await connect(db.settings, SYSTEM_ROLE, "test")
    try:
        targets = [row[0] for row in await system.fetch("SELECT target_id FROM event_log")]
    finally:
        await system.close()
    assert len(targets) == len(set(targets))
    assert writers.acknowledged <= set(targets)
    for follower in followers:
        assert follower.seqs == list(range(1, len(follower.seqs) + 1))
    assert (await verify(db.settings)).intact
