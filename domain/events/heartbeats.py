"""Whether any worker is alive: written by workers, read by `/ready`."""

import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from uuid_utils.compat import uuid7

from db.session import Database

EVERY = 5.0
ALIVE_FOR = 20
KEY = "opsgraph:worker:alive"

BEAT = text("""
    INSERT INTO worker_heartbeats (worker_id, host, process_id, started_at, beat_at)
    VALUES (:worker_id, :host, :process_id, :started_at, clock_timestamp())
    ON CONFLICT (worker_id) DO UPDATE SET beat_at = clock_timestamp()
""")
FORGET = text("DELETE FROM worker_heartbeats WHERE beat_at < clock_timestamp() - interval '1 day'")
LEAVE = text("DELETE FROM worker_heartbeats WHERE worker_id = :worker_id")
ANY_ALIVE = text("""
    SELECT EXISTS (
        SELECT FROM worker_heartbeats WHERE beat_at > clock_timestamp() - make_interval(secs => :seconds)
    )
""")


@dataclass(frozen=True)
class WorkerIdentity:
    """One run of a worker process."""

    id: UUID = field(default_factory=uuid7)
    host: str = field(default_factory=socket.gethostname)
    process_id: int = field(default_factory=os.getpid)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


async def beat(db: Database, redis: Redis | None, worker: WorkerIdentity) -> None:
    """Say that `worker` lives. The row decides which running jobs are orphans; the key is a quick look."""
    async with db.platform() as session:
        await session.execute(
            BEAT,
            {
                "worker_id": worker.id,
                "host": worker.host,
                "process_id": worker.process_id,
                "started_at": worker.started_at,
            },
        )
        await session.execute(FORGET)
    if redis is not None:
        await redis.set(KEY, str(worker.id), ex=ALIVE_FOR)


async def leave(db: Database, worker: WorkerIdentity) -> None:
    """Say that `worker` stops in good order."""
    async with db.platform() as session:
        await session.execute(LEAVE, {"worker_id": worker.id})


async def alive(db: Database, redis: Redis | None = None) -> bool:
    """Whether a worker gave a sign of life lately; asks Redis first and the database when that says no."""
    if redis is not None:
        try:
            if await redis.exists(KEY):
                return True
        except (RedisError, OSError, TimeoutError):
            pass
    async with db.platform() as session:
        return bool(await session.scalar(ANY_ALIVE, {"seconds": ALIVE_FOR}))
