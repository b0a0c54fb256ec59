"""What operators and other services ask over plain HTTP: health, readiness, metrics, the schema, the keys."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from functools import cached_property

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.events import heartbeats
from domain.identity.tokens import keys
from graph.answers import is_known
from graph.context import Platform
from runtime import metrics
from runtime.logging import get_logger

CHECK_SECONDS = 2.0
PING = text("SELECT 1")

log = get_logger("opsgraph.health")


class Health:
    """The endpoints beside /graphql."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        return [
            Route("/", self.index),
            Route("/health", self.health),
            Route("/ready", self.ready),
            Route("/metrics", self.metrics),
            Route("/schema.graphql", self.schema),
            Route("/.well-known/jwks.json", self.jwks),
        ]

    async def index(self, _request: Request) -> Response:
        """Where to go from here."""
        return JSONResponse(
            {
                "name": "Opsgraph",
                "graphql": "/graphql",
                "stream": "/graphql/stream",
                "schema": "/schema.graphql",
                "health": "/health",
                "ready": "/ready",
                "metrics": "/metrics",
                "keys": "/.well-known/jwks.json",
            }
        )

    async def health(self, _request: Request) -> Response:
        """The process lives: its event loop answers."""
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def ready(self, _request: Request) -> Response:
        """Whether requests can be served in full; 503 says what is missing."""
        names = ("database", "redis", "worker")
        problems = await asyncio.gather(
            self._problem("database", self._database, "The database does not answer."),
            self._problem("redis", self._redis, "Redis does not answer: events and jobs wait for polling."),
            self._problem("worker", self._worker, "No worker gave a sign of life lately: start `opsgraph worker`."),
        )
        checks = {
            name: {"ok": True} if problem is None else {"ok": False, "problem": problem}
            for name, problem in zip(names, problems, strict=True)
        }
        ready = not any(problems)
        return JSONResponse(
            {"status": "ready" if ready else "unavailable", "checks": checks},
            status_code=200 if ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def _problem(self, name: str, check: Callable[[], Awaitable[bool]], sentence: str) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return None if await check() else sentence
        except Exception as error:
            log.warning("not ready", check=name, error=repr(error))
            return sentence

    async def _database(self) -> bool:
        async with self._platform.db.platform() as session:
            await session.execute(PING)
        return True

    async def _redis(self) -> bool:
        return self._platform.redis is not None and bool(await self._platform.redis.ping())

    async def _worker(self) -> bool:
        return await heartbeats.alive(self._platform.db, self._platform.redis)

    async def metrics(self, _request: Request) -> Response:
        """This process's metrics, for Prometheus."""
        return Response(metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE, "Cache-Control": "no-store"})

    @cached_property
    def _schema(self) -> tuple[bytes, str]:
        """The text, and its entity tag; made when somebody first asks."""
        sdl = self._platform.schema.sdl.encode()
        return sdl, f'"{hashlib.sha256(sdl).hexdigest()[:32]}"'

    async def schema(self, request: Request) -> Response:
        """The schema in the schema definition language."""
        sdl, etag = await asyncio.to_thread(lambda: self._schema)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if is_known(etag.encode(), request.headers.get("if-none-match", "").encode("latin-1")):
            return Response(status_code=304, headers=headers)
        return Response(sdl, media_type="text/plain", headers=headers)

    async def jwks(self, _request: Request) -> Response:
        """The public keys that our access tokens are verified with (RFC 7517)."""
        return JSONResponse(keys(self._platform.settings).jwks(), headers={"Cache-Control": "public, max-age=300"})
