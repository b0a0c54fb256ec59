"""Connections of the pools: made as the URL says, kept while they are good, replaced when they were lost."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text

from db.session import Database, async_url
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings

PID = text("SELECT pg_backend_pid()")


@pytest.fixture
async def own(fresh_settings: Settings) -> AsyncIterator[Database]:
    database = Database(fresh_settings.model_copy(update={"database_pool_size": 1}))
    yield database
    await database.close()


async def pid(own: Database) -> int:
    async with own.tenant(uuid4()) as session:
        return int(await session.scalar(PID))


async def test_one_that_is_kept_is_asked_in_one_round_trip(own: Database, servers: Throwaway) -> None:
    name = own.settings.database_url.rpartition("/")[2].partition("?")[0]
    servers.postgres.psql(f"ALTER DATABASE {name} SET log_statement = 'all'")
    kept = await pid(own)
    start = servers.postgres.log.stat().st_size
    assert await pid(own) == kept
    said = servers.postgres.log.read_bytes()[start:].decode()
    asked = re.findall(rf"\[{kept}\] \w+ LOG:  (?:statement|execute \w+): (\w+)", said)
    assert asked == ["SELECT", "BEGIN", "SELECT", "SELECT", "COMMIT"], said


async def test_one_that_was_lost_is_replaced(own: Database, servers: Throwaway) -> None:
    before = await pid(own)
    assert servers.postgres.psql(f"SELECT pg_terminate_backend({before})").strip() == "t"
    assert await pid(own) != before


def test_parameters_of_the_url_are_left_to_the_driver() -> None:
    url = make_url(async_url("postgres://u:p%40@h:5433/d?sslmode=require&sslrootcert=/x.pem"))
    assert (url.username, url.password, url.host, url.port, url.database) == ("u", "p@", "h", 5433, "d")
    assert dict(url.query) == {"dsn": "postgresql://?sslmode=require&sslrootcert=/x.pem"}
    assert async_url("postgresql://h/d") == "postgresql+asyncpg://h/d"


async def test_whoever_requires_tls_is_not_connected_without(settings: Settings) -> None:
    """The server of the tests has none."""
    required = settings.database_url.replace("sslmode=disable", "sslmode=require")
    database = Database(settings.model_copy(update={"database_url": required}))
    with pytest.raises(ConnectionError, match="SSL"):
        await pid(database)
    await database.close()
