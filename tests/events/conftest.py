"""A database of its own for each test, so that nobody else relays its events."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from db.events.connection import Connection, connect, libpq_url
from db.rls import SYSTEM_ROLE
from db.session import Database
from domain.events.relay import Relay
from runtime import hints
from runtime.servers.throwaway import Throwaway
from runtime.servers.valkey import Valkey
from runtime.settings import Settings
from tests.factories.events import running


@pytest.fixture
async def own(fresh_settings: Settings) -> AsyncIterator[Database]:
    database = Database(fresh_settings)
    yield database
    await database.close()


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    client = hints.connect(settings.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def own_redis(valkey: Valkey) -> AsyncIterator[Redis]:
    client = hints.connect(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture
async def system(own: Database) -> AsyncIterator[Connection]:
    """A connection as the relay's role."""
    connection = await connect(own.settings, SYSTEM_ROLE, "test")
    yield connection
    await connection.close()


@pytest.fixture
async def admin(own: Database, servers: Throwaway) -> AsyncIterator[Connection]:
    """A connection as the cluster's superuser: who tampers."""
    name = urlsplit(own.settings.database_url).path
    url = urlsplit(servers.postgres.admin_url)._replace(path=name).geturl()
    connection = await asyncpg.connect(libpq_url(url))
    yield connection
    await connection.close()


@pytest.fixture
async def relay(own: Database, redis: Redis) -> AsyncIterator[None]:
    """A relay that works during the test."""
    async with running(Relay(own, redis).run()):
        yield
