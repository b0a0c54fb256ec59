"""The application as it is set up by default (costs in answers, budgets as the plans have them), and a strict one."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from db.session import Database
from graph.app import create_app
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings
from tests.conftest import TEMPLATE, Server, serving
from tests.factories import identity
from tests.factories.api import connected
from tests.factories.identity import Person


@pytest.fixture(scope="session")
def own_settings(servers: Throwaway, settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "database_url": servers.database("operations", TEMPLATE),
            "rate_limit_factor": 1.0,
            "cost_in_answers": True,
        }
    )


@contextmanager
def application(settings: Settings, **changed: Any) -> Iterator[Server]:
    """Another process's worth of the application, with some settings changed."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=2048) as bound,
        serving(create_app(settings.model_copy(update=changed)), bound) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def standard(own_settings: Settings) -> Iterator[Server]:
    with application(own_settings) as running:
        yield running


@pytest.fixture(scope="session")
def trusting(own_settings: Settings) -> Iterator[Server]:
    with application(own_settings, operations="trusted") as running:
        yield running


@pytest.fixture(scope="session")
async def own_db(own_settings: Settings) -> AsyncIterator[Database]:
    database = Database(own_settings)
    yield database
    await database.close()


@pytest.fixture
async def someone(own_db: Database, own_settings: Settings) -> Person:
    return await identity.owner(own_db, own_settings)


async def post(
    server: Server, body: dict[str, Any], token: str | None = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    sent = {"authorization": f"Bearer {token}"} if token else {}
    async with connected() as client:
        return await client.post(server.graphql, json=body, headers=sent | (headers or {}))


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])
