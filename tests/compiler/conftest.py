"""A populated database of its own whose server log names every statement, and an engine on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.session import async_url
from domain.context import Actor
from domain.permissions import Permission
from graph.context import Platform
from graph.operations import Caller, OperationRequest
from runtime.servers.throwaway import Throwaway, with_database
from runtime.settings import Settings
from tests.compiler.population import ORGS, populate, uid

ALL = frozenset(str(permission) for permission in Permission)


def actor(org: UUID = ORGS[0], permissions: frozenset[str] = ALL, person: int = 6) -> Actor:
    """People 0..7 of the population are in the first organization, 6..13 in the second; 6 and 7 are in both."""
    return Actor(org, uid(0, 1, person), permissions, session_id=uid(0, 10, 1))


@dataclass
class World:
    """The engine under test, the owner's view of the same data, and the server's log."""

    platform: Platform
    owner: AsyncEngine
    log: Path

    async def ask(self, document: str, variables: dict[str, Any] | None = None, who: Actor | None = None) -> Any:
        caller = Caller(who or actor())
        outcome = await self.platform.engine.execute(OperationRequest(document, None, variables), caller)
        return orjson.loads(outcome.body)

    async def data(self, document: str, variables: dict[str, Any] | None = None, who: Actor | None = None) -> Any:
        answer = await self.ask(document, variables, who)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def statements(self, since: int) -> list[str]:
        """What the application's read connections executed after this position of the server's log."""
        text = self.log.read_bytes()[since:].decode()
        return [line.split("execute ", 1)[1] for line in text.splitlines() if "LOG:  execute " in line]


@pytest.fixture(scope="session")
async def world(servers: Throwaway, settings: Settings, template: str) -> AsyncIterator[World]:
    url = servers.database("compiler", template)
    servers.postgres.psql("ALTER DATABASE \"compiler\" SET log_statement = 'all'")
    owner = create_async_engine(async_url(with_database(servers.postgres.admin_url, "compiler")))
    await populate(owner)
    platform = Platform(settings.model_copy(update={"database_url": url}))
    yield World(platform, owner, servers.postgres.log)
    await platform.close()
    await owner.dispose()
