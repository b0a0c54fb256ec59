"""Who changes things: commands in transactions of their own, at a steady rate, with the time of each commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from time import perf_counter
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from sqlalchemy import text

from bench.kit.platform import DATABASE, Place
from db.fleet.aircraft import AircraftStatus
from db.session import Database
from domain.context import Actor, Ctx
from domain.events.cursors import Cursors
from domain.events.reading import read_head
from domain.fleet import aircraft
from domain.permissions import Permission
from runtime import hints
from runtime.secrets import ensure_secrets
from runtime.servers.throwaway import with_database
from runtime.settings import Settings

SOME = "SELECT id FROM aircraft WHERE org_id = $1 AND status = 'ACTIVE' ORDER BY registration"
SETTLED = text("SELECT NOT EXISTS (SELECT FROM outbox_pending)")
EPOCH = text("SELECT event_epoch()")
STATUSES = cycle((AircraftStatus.MAINTENANCE, AircraftStatus.STORED, AircraftStatus.ACTIVE))


class Writer:
    """Changes the status of an organization's aircraft, one after the other."""

    def __init__(self, settings: Settings, db: Database, redis: Redis, org_id: UUID, ids: list[UUID]) -> None:
        self._settings = settings
        self._db = db
        self._redis = redis
        self._actor = Actor(org_id, None, frozenset(str(each) for each in Permission))
        # Each gets all statuses in turn, so that every command changes something.
        self._changes = ((each, status) for status in STATUSES for each in ids)

    async def head(self) -> int:
        """The number of the last event, once all have theirs."""
        async with self._db.platform() as session:
            while not await session.scalar(SETTLED):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.01)
        return await read_head(self._db, self._actor.org_id)

    async def cursor(self) -> str:
        async with self._db.platform() as session:
            epoch = str(await session.scalar(EPOCH))
        return Cursors.from_settings(self._settings).encode(epoch, self._actor.org_id, await self.head())

    async def write(self, rate: float, count: int) -> list[float]:
        """So many commands, so many a second; when each was committed (on `perf_counter`, which all processes of the
        machine share)."""
        commits: list[float] = []
        started = perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number / rate - perf_counter()))
            target, status = next(self._changes)
            async with self._db.tenant(self._actor.org_id) as session:
                await aircraft.set_status(Ctx(self._actor, session), target, status=status)
            commits.append(perf_counter())
            await hints.committed(self._redis)
        return commits


@asynccontextmanager
async def writer(place: Place) -> AsyncIterator[Writer]:
    tenant = place.tenants[0]
    settings = ensure_secrets(
        Settings(
            _env_file=None,
            data_dir=place.servers.folder / "data",
            database_url=with_database(place.servers.postgres.url, DATABASE),
            redis_url=place.servers.valkey.url,
        )
    )
    connection = await asyncpg.connect(place.admin_url)
    ids = [row[0] for row in await connection.fetch(SOME, tenant.id)]
    await connection.close()
    db, redis = Database(settings), hints.connect(settings.redis_url)
    db.announce = lambda organizations: hints.commits(redis, organizations)
    try:
        yield Writer(settings, db, redis, tenant.id, ids)
    finally:
        await redis.aclose()
        await db.close()
