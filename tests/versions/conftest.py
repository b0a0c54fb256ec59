"""Two processes' worth of application on one database and one Valkey, both of this folder's own."""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.session import Database
from graph.app import create_app
from runtime.servers.throwaway import Throwaway
from runtime.servers.valkey import Valkey
from runtime.settings import Settings
from tests.conftest import TEMPLATE, Server, running_valkey, scratch, serving
from tests.factories.api import Api, connected
from tests.factories.events import until
from tests.factories.identity import Person, owner

DEPARTMENTS = "query Dashboard { departments(first: 100) { nodes { id name version } totalCount } }"
# What goes on without being asked: the relay looks for work, and listeners prove that they hear.
RAN = re.compile(r"LOG:  (?:execute [^:]+|statement): (.*)")
BACKGROUND = ("SELECT EXISTS (SELECT FROM outbox_pending)", "SELECT pg_notify(")


@dataclass
class Pair:
    """Two servers, A and B, and what they stand on."""

    a: Server
    b: Server
    settings: Settings
    valkey: Valkey
    log: Path

    def statements(self, since: int) -> list[str]:
        """What anybody ran in this database after this position of the server's log, but for BACKGROUND."""
        found = RAN.findall(self.log.read_bytes()[since:].decode())
        return [text for text in found if not text.startswith(BACKGROUND)]

    @property
    def here(self) -> int:
        return self.log.stat().st_size


@pytest.fixture(scope="package")
def own_valkey() -> Iterator[Valkey]:
    with scratch() as folder, running_valkey(folder) as server:
        yield server


@pytest.fixture(scope="package")
def pair(servers: Throwaway, settings: Settings, template: str, own_valkey: Valkey) -> Iterator[Pair]:
    url = servers.database("versions", TEMPLATE)
    servers.postgres.psql("ALTER DATABASE \"versions\" SET log_statement = 'all'")
    own = settings.model_copy(update={"database_url": url, "redis_url": own_valkey.url})
    with ExitStack() as stack:
        started = []
        for _ in range(2):
            bound = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
            started.append(stack.enter_context(serving(create_app(own), bound)))
        yield Pair(*started, own, own_valkey, servers.postgres.log)


@pytest.fixture
async def own_db(pair: Pair) -> AsyncIterator[Database]:
    """A database as the command line has it: it knows of no Redis."""
    database = Database(pair.settings)
    yield database
    await database.close()


@dataclass
class Client:
    """Somebody with a cache: asks for a document, and says so when it is there already."""

    person: Person
    http: httpx.AsyncClient
    pair: Pair
    kept: dict[str, httpx.Response] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        return self.at(self.pair.a)

    def at(self, server: Server) -> Api:
        return Api(self.http, self.person.token, server.url)

    async def get(self, server: Server | None = None, query: str = DEPARTMENTS, **params: str) -> httpx.Response:
        """What the server says, a condition sent when there is something to compare."""
        asked = {"query": query} | params if query else params
        key = str(sorted(asked.items()))
        headers = {"authorization": f"Bearer {self.person.token}"} | self.sent
        if key in self.kept:
            headers["if-none-match"] = self.kept[key].headers["etag"]
        answer = await self.http.get(f"{(server or self.pair.a).url}/graphql", params=asked, headers=headers)
        if answer.status_code == 200 and "etag" in answer.headers:
            self.kept[key] = answer
        return answer

    async def shown(self, server: Server | None = None, query: str = DEPARTMENTS, **params: str) -> Any:
        """The data that the client shows after asking, from its cache or fresh."""
        answer = await self.get(server, query, **params)
        assert answer.status_code in (200, 304), answer.text
        asked = {"query": query} | params if query else params
        return self.kept[str(sorted(asked.items()))].json()["data"]

    async def settle(self, server: Server | None = None, query: str = DEPARTMENTS, **params: str) -> None:
        """Ask until the answer is 304 by a version: the relay is through, and the server knows where it stands."""

        async def unchanged() -> bool:
            answer = await self.get(server, query, **params)
            return answer.status_code == 304 and answer.headers["etag"].startswith('W/"v')

        await until(unchanged)

    async def create(self, name: str, server: Server | None = None) -> dict[str, Any]:
        """A department, as soon as the server says that it is there."""
        made = await self.at(server or self.pair.a).done(
            "mutation ($name: String!) { createDepartment(input: {name: $name}) "
            "{ department { id name version } errors { code message } } }",
            name=name,
        )
        department: dict[str, Any] = made["department"]
        return department

    async def rename(self, department: dict[str, Any], name: str, server: Server | None = None) -> dict[str, Any]:
        made = await self.at(server or self.pair.a).done(
            "mutation ($input: UpdateDepartmentInput!) { updateDepartment(input: $input) "
            "{ department { id name version } errors { code message } } }",
            input={"id": department["id"], "expectedVersion": department["version"], "name": name},
        )
        changed: dict[str, Any] = made["department"]
        return changed


@pytest.fixture
async def client(pair: Pair, own_db: Database) -> AsyncIterator[Client]:
    """The owner of a new organization."""
    async with connected() as http:
        yield Client(await owner(own_db, pair.settings), http, pair)


@pytest.fixture
async def other(pair: Pair, own_db: Database) -> AsyncIterator[Client]:
    """The owner of another organization."""
    async with connected() as http:
        yield Client(await owner(own_db, pair.settings), http, pair)
