"""Signs of life of this worker, every few seconds."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InterfaceError

from db.session import Database
from domain.events import heartbeats
from domain.events.heartbeats import WorkerIdentity
from runtime.logging import get_logger

log = get_logger(__name__)


async def run(db: Database, redis: Redis | None, worker: WorkerIdentity) -> None:
    """Beat until cancelled."""
    while True:
        await asyncio.sleep(heartbeats.EVERY)
        await once(db, redis, worker)


async def once(db: Database, redis: Redis | None, worker: WorkerIdentity) -> None:
    """One beat. One that fails is only logged: its absence says the rest."""
    try:
        async with asyncio.timeout(heartbeats.EVERY):
            await heartbeats.beat(db, redis, worker)
    except (DBAPIError, InterfaceError, RedisError, OSError, TimeoutError) as error:
        log.warning("heartbeat failed", error=repr(error))
