"""The real application, with real tokens, on a schema whose fields do what the protocols must cope with."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert, text
from uuid_utils.compat import uuid7

from db.identity.memberships import Membership
from db.identity.organizations import Organization
from db.identity.sessions import Session
from db.identity.users import User
from db.session import Database
from domain.identity.revocation import Scope, announce
from domain.identity.tokens import keys
from graph.app import create_app
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings
from tests.conftest import TEMPLATE, Server, serving
from tests.edge.room import schema
from tests.factories.api import connected

BODY_LIMIT = 20_000


@pytest.fixture(scope="session")
def edge_settings(servers: Throwaway, settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "database_url": servers.database("edge", TEMPLATE),
            "max_body_bytes": BODY_LIMIT,
            "request_timeout_seconds": 1.0,
            "socket_init_seconds": 1.0,
            "socket_send_seconds": 1.0,
            "socket_operations": 8,
            "stream_keepalive_seconds": 0.2,
            "cors_origins": "https://app.example",
        }
    )


@pytest.fixture(scope="session")
def edge(edge_settings: Settings) -> Iterator[Server]:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=2048) as bound,
        serving(create_app(edge_settings, schema()), bound) as running,
    ):
        yield running


@pytest.fixture
async def client(edge: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(edge.url) as opened:
        yield opened


@dataclass
class Person:
    """Somebody who is signed in, and how to change that."""

    db: Database
    settings: Settings
    org_id: UUID
    user_id: UUID
    session_id: UUID

    def token(self, life: timedelta = timedelta(minutes=20)) -> str:
        """An access token that lives so long from now."""
        issued = datetime.now(UTC) + life - timedelta(minutes=20)
        return keys(self.settings).issue(
            session_id=self.session_id, user_id=self.user_id, org_id=self.org_id, token_id=uuid7(), now=issued
        )

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    async def sign_out(self) -> None:
        async with self.db.platform() as session:
            await session.execute(
                text("UPDATE sessions SET ended_at = now(), end_reason = 'SIGNED_OUT' WHERE id = :id"),
                {"id": self.session_id},
            )
            await announce(session, Scope.SESSION, self.session_id)

    async def get_roles(self, *roles: str) -> None:
        async with self.db.platform() as session:
            await session.execute(
                text("UPDATE memberships SET roles = :roles WHERE user_id = :id"),
                {"id": self.user_id, "roles": list(roles)},
            )
            await announce(session, Scope.USER, self.user_id)


@pytest.fixture(scope="session")
async def edge_db(edge_settings: Settings) -> AsyncIterator[Database]:
    database = Database(edge_settings)
    yield database
    await database.close()


@pytest.fixture
async def person(edge_db: Database, edge_settings: Settings) -> Person:
    """A new owner of a new organization, signed in."""
    made = Person(edge_db, edge_settings, uuid7(), uuid7(), uuid7())
    rows: list[tuple[Any, dict[str, Any]]] = [
        (Organization, {"id": made.org_id, "slug": f"o{made.org_id.hex[-12:]}", "name": "O", "kind": "AMO"}),
        (
            User,
            {
                "id": made.user_id,
                "email": f"{made.user_id}@example.com",
                "name": "P",
                "email_verified_at": datetime.now(UTC),
            },
        ),
        (Membership, {"id": uuid7(), "org_id": made.org_id, "user_id": made.user_id, "roles": ["OWNER"]}),
        (Session, {"id": made.session_id, "user_id": made.user_id, "current_org_id": made.org_id}),
    ]
    async with edge_db.platform() as session:
        for model, values in rows:
            await session.execute(insert(model.__table__).values(**values))
    return made


@pytest.fixture
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing may be logged with a traceback, by anyone."""
    caplog.set_level(logging.DEBUG)
    yield
    bad = [record.getMessage() for record in caplog.records if record.exc_info or "Traceback" in record.getMessage()]
    assert not bad, bad[:3]


async def until(condition: Any, seconds: float = 5.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)
