"""The servers that are compared: how each is started, and how a request to it is written."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.kit.asking import SetUpError, sign_in
from bench.kit.programs import Program, program
from bench.reading.data import Tenant
from bench.reading.shapes import Shape, Variables
from runtime.processes import free_port
from runtime.servers.throwaway import Throwaway, with_database
from runtime.settings import Settings

DATABASE = "opsgraph"
POOL = int(Settings.model_fields["database_read_pool_size"].default)

MOST_CONNECTIONS, OTHER_CONNECTIONS = 97, 25
FLOOR, STARLETTE, PEER = "bench.reading.floor:bare", "bench.reading.floor:starlette", "bench.reading.peer:app"
FACTORIES = {STARLETTE}
OTHERS = (  # name, title, application, path
    ("floor-sql", "bare ASGI, JSON rendered in SQL", FLOOR, "/sql"),
    ("floor-rows", "bare ASGI, rows encoded by orjson", FLOOR, "/rows"),
    ("starlette", "Starlette, JSON rendered in SQL", STARLETTE, "/sql"),
    ("peer", "Strawberry, DataLoader, SQLAlchemy", PEER, "/graphql"),
)

Headers = Callable[[Tenant], dict[str, str]]


@dataclass
class Server:
    """One side of the comparison: a way into a running program."""

    name: str
    title: str
    program: Program
    path: str
    headers: Headers
    same_query: bool = False
    same_answer: bool = True

    def request(self, shape: Shape, tenant: Tenant, variables: Variables) -> bytes:
        """The bytes of an HTTP request."""
        query = shape.query if self.same_query else shape.elsewhere
        body = orjson.dumps({"query": query, "operationName": shape.name, "variables": variables})
        lines = {
            "host": f"127.0.0.1:{self.program.port}",
            "content-type": "application/json",
            "accept": "application/json",
            **self.headers(tenant),
            "content-length": str(len(body)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Tokens:
    """The access tokens of the organizations, renewed before each round: they last 20 minutes."""

    def __init__(self, port: int, tenants: list[Tenant]) -> None:
        self._port = port
        self._tenants = tenants
        self._tokens: dict[str, str] = {}

    def renew(self) -> None:
        for tenant in self._tenants:
            self._tokens[tenant.slug] = sign_in(self._port, tenant.email, tenant.slug)

    def headers(self, tenant: Tenant) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens[tenant.slug]}"}


def organization(tenant: Tenant) -> dict[str, str]:
    """How the other servers are told whose rows to read."""
    return {"x-organization": str(tenant.id)}


def start_ours(stack: ExitStack, servers: Throwaway, logs: Path, pool: int) -> Program:
    """The platform itself, by its own command."""
    port = free_port()
    return stack.enter_context(
        program(
            "ours",
            [sys.executable, "-P", "-m", "runtime.cli", "serve", "--port", str(port)],
            port,
            logs / "ours.log",
            path="/health",
            DATABASE_URL=with_database(servers.postgres.url, DATABASE),
            REDIS_URL=servers.valkey.url,
            DATA_DIR=str(servers.folder / "data"),
            PUBLIC_URL=f"http://127.0.0.1:{port}",
            DATABASE_READ_POOL_SIZE=str(pool),
            MAX_PAGE_SIZE="500",
            # Budgets are looked at as ever, but large enough; answers must be the same bytes each time to be compared.
            RATE_LIMIT_FACTOR="100000",
            COST_IN_ANSWERS="false",
            LOG_LEVEL="WARNING",
        )
    )


def _start(stack: ExitStack, servers: Throwaway, logs: Path, pool: int, app: str) -> Program:
    port = free_port()
    factory = ["factory"] if app in FACTORIES else []
    return stack.enter_context(
        program(
            app,
            [sys.executable, "-P", "-m", "bench.kit.serve", app, str(port), *factory],
            port,
            logs / f"{app.replace(':', '-')}.log",
            BENCH_DATABASE_URL=with_database(servers.postgres.admin_url, DATABASE),
            BENCH_CONNECTIONS=str(pool),
        )
    )


def start_all(
    stack: ExitStack, servers: Throwaway, tenants: list[Tenant], logs: Path, pool: int, chosen: set[str]
) -> tuple[list[Server], Tokens]:
    """Ours, and of the others those chosen (all, when none is), each with `pool` connections to read with; they
    stop with the stack."""
    ours = start_ours(stack, servers, logs, pool)
    tokens = Tokens(ours.port, tenants)
    tokens.renew()
    found = [
        Server("ours", "Opsgraph, signed in, row-level security", ours, "/graphql", tokens.headers, same_query=True)
    ]
    for name, title, app, path in OTHERS:
        if chosen and name not in chosen:
            continue
        running = next((each.program for each in found if each.program.name == app), None)
        running = running or _start(stack, servers, logs, pool, app)
        found.append(Server(name, title, running, path, organization))
    return found, tokens


def check_pool(pool: int, count: int) -> None:
    """PostgreSQL takes 100 connections, three of them for its superuser's repairs; ours has some for other work."""
    if pool * count + OTHER_CONNECTIONS > MOST_CONNECTIONS:
        fits = (MOST_CONNECTIONS - OTHER_CONNECTIONS) // count
        raise SetUpError(
            f"{count} servers with {pool} connections each are too many for PostgreSQL; --pool {fits} fits."
        )
