"""A populated database for tests that try to change what they must not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.session import async_url
from domain.context import Actor
from graph.context import Platform
from graph.operations import Caller, OperationRequest
from runtime.servers.throwaway import Throwaway, with_database
from runtime.settings import Settings
from tests.compiler.population import populate


@dataclass
class Place:
    """An engine, and the owner's view of its database."""

    platform: Platform
    owner: AsyncEngine

    async def ask(self, document: str, who: Actor | None, variables: dict[str, Any] | None = None) -> Any:
        request = OperationRequest(document, None, variables)
        outcome = await self.platform.engine.execute(request, Caller(who))
        return orjson.loads(outcome.body)

    async def listen(self, document: str, who: Actor | None) -> Any:
        """The first answer of a subscription that is refused; None when it was accepted."""
        answers = self.platform.engine.subscribe(OperationRequest(document), Caller(who))
        async for outcome in answers:
            return orjson.loads(outcome.body)
        return None

    async def rows(self, org: Any) -> dict[str, list[Any]]:
        """Every row of an organization, table by table, as the owner sees them."""
        async with self.owner.connect() as connection:
            return {
                table.name: [tuple(row) for row in await connection.execute(_of(table, org))]
                for table in tenant_tables()
            }


def tenant_tables() -> list[sa.Table]:
    from db.models import Base

    return [table for table in Base.metadata.sorted_tables if "org_id" in table.columns]


def _of(table: sa.Table, org: Any) -> Any:
    return sa.select(table).where(table.c.org_id == org).order_by(*table.primary_key.columns)


@pytest.fixture(scope="session")
async def place(servers: Throwaway, settings: Settings, template: str) -> AsyncIterator[Place]:
    url = servers.database("access", template)
    owner = create_async_engine(async_url(with_database(servers.postgres.admin_url, "access")))
    await populate(owner)
    platform = Platform(settings.model_copy(update={"database_url": url}))
    yield Place(platform, owner)
    await platform.close()
    await owner.dispose()
