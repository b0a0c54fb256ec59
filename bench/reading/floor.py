"""The floor: hand-written SQL looked up by operation name, run with asyncpg, sent as it is. No GraphQL, no sign-in,
no row-level security (it connects as the database's superuser), and no more ASGI than uvicorn asks for.

`bare` and `starlette` are the same thing without and with Starlette around it; /sql renders JSON in PostgreSQL, /rows
encodes rows with orjson.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.reading import cursors
from bench.reading.floor_rows import ENCODERS
from bench.reading.floor_sql import JSON, ROWS

Connection: TypeAlias = "asyncpg.Connection[Any]"
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "12"))


class Connections:
    """Fewer steps than asyncpg's own pool, which resets a connection at every release."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.waiting: deque[asyncio.Future[Connection]] = deque()

    async def open(self) -> None:
        self.idle = [await self.connect() for _ in range(CONNECTIONS)]

    async def connect(self) -> Connection:
        connection = await asyncpg.connect(
            os.environ["BENCH_DATABASE_URL"],
            max_cacheable_statement_size=0,
            max_cached_statement_lifetime=0,
            server_settings={"plan_cache_mode": "force_generic_plan", "jit": "off", "timezone": "UTC"},
        )
        await connection.set_type_codec("json", schema="pg_catalog", encoder=str.encode, decoder=bytes, format="binary")
        return connection

    async def take(self) -> Connection:
        if self.idle:
            return self.idle.pop()
        waiter: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        return await waiter

    def give(self, connection: Connection) -> None:
        if self.waiting:
            self.waiting.popleft().set_result(connection)
        else:
            self.idle.append(connection)


Arguments = Callable[[dict[str, Any]], tuple[Any, ...]]


def _identifier(variables: dict[str, Any]) -> tuple[Any, ...]:
    return (UUID(variables["id"][3:]),)


def _registration(variables: dict[str, Any]) -> tuple[Any, ...]:
    return cursors.registration(variables["after"])


def _created_at(variables: dict[str, Any]) -> tuple[Any, ...]:
    return cursors.created_at(variables["after"])


ARGUMENTS: dict[str, Arguments] = {
    "Q1": _identifier,
    "Q2": _registration,
    "Q3": _created_at,
    "Q4": _registration,
    "Nested": _registration,
}
connections = Connections()


async def answer(path: str, organization: bytes, body: bytes) -> bytes:
    request = orjson.loads(body)
    name = request["operationName"]
    arguments = ARGUMENTS[name](request["variables"])
    org = UUID(organization.decode())
    connection = await connections.take()
    try:
        if path == "/sql":
            return b'{"data":%b}' % await connection.fetchval(JSON[name], org, *arguments)
        rows = await connection.fetch(ROWS[name], org, *arguments)
    finally:
        connections.give(connection)
    return orjson.dumps({"data": ENCODERS[name](rows)})


async def bare(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await connections.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    if not body:  # the question whether we are ready
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    organization = next(value for name, value in scope["headers"] if name == b"x-organization")
    made = await answer(scope["path"], organization, body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(made))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": made})


async def _endpoint(request: Request) -> Response:
    made = await answer(request.url.path, request.headers["x-organization"].encode(), await request.body())
    return Response(made, media_type="application/json")


@asynccontextmanager
async def _open(_app: Starlette) -> AsyncIterator[None]:
    await connections.open()
    yield


def starlette() -> Starlette:
    return Starlette(
        routes=[Route(path, _endpoint, methods=["POST"]) for path in ("/sql", "/rows")],
        lifespan=_open,
    )
