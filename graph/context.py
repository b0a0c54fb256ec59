"""What a process holds: database, Redis, sign-in, live events and the engine."""

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from db.reads import ReadPool
from db.session import Database
from domain.events.live import LiveHub
from domain.events.relay import Relay
from domain.events.versions import Versions
from domain.identity.tenancy import Authenticator
from graph.compiler.prepared import World
from graph.engine import Engine
from graph.schema import BuiltSchema, build_schema
from runtime import hints
from runtime.settings import Settings
from runtime.tasks import end


class Platform:
    """One per process; `start` before use, `close` at the end."""

    def __init__(self, settings: Settings, schema: BuiltSchema | None = None) -> None:
        self.settings = settings
        self.schema = schema or build_schema()
        self.world: World = self.schema.world(settings)
        self.db = Database(settings)
        self.reads = ReadPool(settings)
        self.redis: Redis | None = hints.connect(settings.redis_url) if settings.redis_url else None
        self.authenticator = Authenticator(self.db, settings)
        self.live = LiveHub(self.db, self.redis)
        self.versions = Versions(self.db, self.redis)
        self.db.announce = self._announce
        self.engine = Engine(self.world, self)
        if self.engine.tracer is not None:
            self.engine.tracer.instrument(self.db.app)
            self.engine.tracer.instrument(self.db.system)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        await self.authenticator.start()
        await self.live.start()
        await self.versions.start()
        self._spawn(Relay(self.db, self.redis).run())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def committed(self) -> None:
        """Say, without waiting, that something was committed: relay and workers look at once."""
        self._spawn(hints.committed(self.redis))

    async def _announce(self, organizations: Collection[UUID]) -> bool:
        """Before a mutation is answered, no process confirms an answer that is older; False when some may."""
        for org_id in organizations:
            self.versions.committed(org_id)
        return await hints.commits(self.redis, organizations)

    async def close(self) -> None:
        await self.live.close()
        await self.versions.close()
        await end(self._tasks)
        await self.engine.close()
        await self.authenticator.close()
        if self.redis is not None:
            await self.redis.aclose()
        await self.reads.close()
        await self.db.close()
