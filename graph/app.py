"""The ASGI application: /graphql is served bare, everything else by a small Starlette application."""

import asyncio
from time import perf_counter

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from graph.answers import (
    SECURITY,
    Cors,
    Message,
    Receive,
    Scope,
    Send,
    error_body,
    json_headers,
    request_id,
    trace_headers,
)
from graph.context import Platform
from graph.errors import masked
from graph.health import Health
from graph.http import GraphQLOverHTTP
from graph.pages import Pages
from graph.schema import BuiltSchema
from graph.sse import PATH as STREAM_PATH
from graph.sse import GraphQLOverSSE
from graph.transfers import ALLOW as TRANSFERS_ALLOW
from graph.transfers import Transfers
from graph.websocket import GraphQLOverWebSocket
from runtime import garbage, metrics
from runtime.logging import get_logger
from runtime.settings import Settings
from runtime.settings import settings as process_settings
from runtime.storage import PATH as FILES_PATH

PATH = "/graphql"
ALLOW = b"GET, HEAD, OPTIONS"

log = get_logger("opsgraph.app")


def create_app(settings: Settings | None = None, schema: BuiltSchema | None = None) -> "Application":
    """The application of one process; its lifespan starts and closes the platform."""
    return Application(settings or process_settings(), schema)


class Application:
    """An ASGI 3 callable."""

    def __init__(self, settings: Settings, schema: BuiltSchema | None = None) -> None:
        self.settings = settings
        self._schema = schema
        self.platform: Platform | None = None
        self._cors = Cors(settings)
        self._graphql: GraphQLOverHTTP
        self._sockets: GraphQLOverWebSocket
        self._streams: GraphQLOverSSE
        self._rest: Starlette
        self._routes: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._lifespan(receive, send)
        elif self.platform is None:
            raise RuntimeError("The application has not been started: serve it with lifespan on.")
        elif kind == "http":
            if scope["path"] == PATH:
                await self._graphql(scope, receive, send)
            elif scope["path"] == STREAM_PATH:
                await self._streams(scope, receive, send)
            else:
                await self._plain(scope, receive, send)
        elif scope["path"] == PATH:
            await self._sockets(scope, receive, send)
        else:
            await _refuse_socket(scope, receive, send)

    async def start(self) -> None:
        """Start the platform and everything that serves requests."""
        platform = Platform(self.settings, self._schema)
        await platform.start()
        try:
            pages = Pages(self.settings)
            self._graphql = GraphQLOverHTTP(platform, self.settings, pages.graphiql)
            self._sockets = GraphQLOverWebSocket(platform, self.settings)
            self._streams = GraphQLOverSSE(platform, self.settings)
            routes = [*Health(platform).routes(), *pages.routes(), *Transfers(self.settings).routes()]
        except BaseException:
            await platform.close()
            raise
        self._routes = frozenset(route.path for route in routes)
        self._rest = Starlette(routes=routes, exception_handlers={HTTPException: _explain})
        self._rest.router.redirect_slashes = False
        self.platform = platform
        garbage.serve()

    async def close(self) -> None:
        """End sockets and streams, then close the platform."""
        platform, self.platform = self.platform, None
        if platform is not None:
            try:
                await asyncio.gather(self._sockets.close(), self._streams.close())
            finally:
                await platform.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            log.error("start failed", exc_info=error)
            await send({"type": "lifespan.startup.failed", "message": f"The application cannot start: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.close()
        except Exception as error:
            log.error("stop failed", exc_info=error)
            await send({"type": "lifespan.shutdown.failed", "message": f"The application did not stop: {error}"})
            return
        await send({"type": "lifespan.shutdown.complete"})

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is not GraphQL, with the headers of every answer; an exception becomes a masked 500."""
        started = perf_counter()
        headers = dict(scope["headers"])
        identifier = request_id(headers)
        method, status = scope["method"], 0
        allow = TRANSFERS_ALLOW if scope["path"].startswith(f"{FILES_PATH}/") else ALLOW
        cors = self._cors.preflight(headers, allow) if method == "OPTIONS" else self._cors.headers(headers)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message["headers"]}  # a page has a policy of its own
                security = [header for header in SECURITY if header[0] not in own]
                message["headers"] = [*message["headers"], *security, *cors, *trace_headers(identifier, started)]
            await send(message)

        try:
            if method == "OPTIONS":
                await send_with_headers({"type": "http.response.start", "status": 204, "headers": []})
                await send_with_headers({"type": "http.response.body", "body": b""})
            else:
                await self._rest(scope, receive, send_with_headers)
        except Exception as error:
            message, made = masked(error, route=scope["path"])
            if status == 0:
                body = error_body(message, "INTERNAL", errorId=made)
                answer = {"type": "http.response.start", "status": 500, "headers": json_headers(body)}
                await send_with_headers(answer)
                await send({"type": "http.response.body", "body": body})
        route = scope["path"] if scope["path"] in self._routes else "other"
        known = method if method in ("GET", "HEAD", "OPTIONS", "PUT") else "other"
        metrics.REQUESTS.observe(route, known, status, perf_counter() - started)


async def _explain(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in a sentence."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message, code = f"Nothing is served at this path; GraphQL is at {PATH}.", "NOT_FOUND"
    elif error.status_code == 405:
        message, code = f"{request.method[:20]} is not a method of this path; use GET.", "METHOD_NOT_ALLOWED"
    else:
        message, code = error.detail, "BAD_REQUEST"
    return Response(
        error_body(message, code),
        status_code=error.status_code,
        media_type="application/json",
        headers=error.headers,
    )


async def _refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": f"Sockets are served at {PATH}."})
        return
    body = error_body(f"No socket is served at this path; connect to {PATH}.", "NOT_FOUND")
    await send({"type": "websocket.http.response.start", "status": 404, "headers": json_headers(body)})
    await send({"type": "websocket.http.response.body", "body": body})
