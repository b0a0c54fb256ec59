"""A database and a queue of its own for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from db.session import Database
from domain.events import heartbeats
from domain.events.heartbeats import WorkerIdentity
from runtime import hints
from runtime.servers.valkey import Valkey
from runtime.settings import Settings
from workers import jobs
from workers.jobs import Runner


@pytest.fixture
def worker_settings(fresh_settings: Settings, valkey: Valkey, tmp_path: Path) -> Settings:
    return fresh_settings.model_copy(update={"redis_url": valkey.url, "data_dir": tmp_path / "data"})


@pytest.fixture
async def own(worker_settings: Settings) -> AsyncIterator[Database]:
    database = Database(worker_settings)
    yield database
    await database.close()


@pytest.fixture
async def redis(worker_settings: Settings) -> AsyncIterator[Redis]:
    client = hints.connect(worker_settings.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def runner(own: Database, worker_settings: Settings) -> Runner:
    """A runner of a worker that is alive."""
    identity = WorkerIdentity()
    await heartbeats.beat(own, None, identity)
    return Runner(own, None, worker_settings, identity)


@pytest.fixture(autouse=True)
def registry() -> Iterator[dict[str, jobs.Registration]]:
    """Handlers that a test registers are forgotten after it."""
    before = dict(jobs.REGISTRY)
    yield jobs.REGISTRY
    jobs.REGISTRY.clear()
    jobs.REGISTRY.update(before)
