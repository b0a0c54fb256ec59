"""The sweep: triggers due jobs, triggers again what Redis lost, and takes jobs back from dead workers.

Every worker sweeps, on a hint or every second; rows that another is sweeping are skipped, and a trigger that
comes twice changes nothing.
"""

import asyncio
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError

from db.session import Database
from domain.events.heartbeats import ALIVE_FOR
from runtime import hints
from runtime.logging import get_logger
from runtime.tasks import together, within
from workers.jobs import MAX_FAILURES
from workers.queue import Queue

log = get_logger(__name__)

POLL = 1.0
TRIGGER_AGAIN = 10.0
FIRST_RETRY, LAST_RETRY = 0.2, 5.0

DUE = text("""
    UPDATE jobs SET triggered_at = clock_timestamp()
    WHERE id IN (
        SELECT id FROM jobs
        WHERE state = 'QUEUED' AND run_after <= clock_timestamp()
            AND (triggered_at IS NULL OR triggered_at < clock_timestamp() - make_interval(secs => :again))
        ORDER BY run_after LIMIT 200
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, attempts + 1 AS attempt
""")
NOT_TRIGGERED = text("UPDATE jobs SET triggered_at = NULL WHERE id = ANY(:ids) AND state = 'QUEUED'")

# A worker's death counts as a failure, or a job that kills its worker would do so forever.
TAKE_BACK = text("""
    UPDATE jobs SET
        state = CASE WHEN failures + 1 >= :max_failures THEN 'FAILED' ELSE 'QUEUED' END,
        failures = failures + 1,
        error = 'The worker that ran this job stopped answering.',
        triggered_at = NULL,
        finished_at = CASE WHEN failures + 1 >= :max_failures THEN clock_timestamp() END
    WHERE id IN (
        SELECT id FROM jobs
        WHERE state = 'RUNNING' AND (
            lease_until < clock_timestamp()
            OR NOT EXISTS (
                SELECT FROM worker_heartbeats w
                WHERE w.worker_id = jobs.worker_id
                    AND w.beat_at > clock_timestamp() - make_interval(secs => :alive_for)
            )
        )
        LIMIT 200
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, kind, state
""")


class Dispatcher:
    """`run()` sweeps until cancelled, through outages of the database and of Redis."""

    def __init__(
        self,
        db: Database,
        redis: Redis | None,
        queue: Queue,
        *,
        poll: float = POLL,
        trigger_again: float = TRIGGER_AGAIN,
        alive_for: float = ALIVE_FOR,
    ) -> None:
        self._db = db
        self._redis = redis
        self._queue = queue
        self._poll = poll
        self._trigger_again = trigger_again
        self._alive_for = alive_for
        self._woken = asyncio.Event()

    async def run(self) -> None:
        if self._redis is None:
            return await self._work()
        listener = hints.Listener(self._redis)
        listener.add(hints.JOBS, lambda _: self._woken.set())
        await together(listener.run(), self._work())

    async def _work(self) -> None:
        delay = FIRST_RETRY
        while True:
            self._woken.clear()
            try:
                await self.sweep()
                delay = FIRST_RETRY
            except (DBAPIError, InterfaceError, RedisError, OSError, TimeoutError) as error:
                log.warning("sweep of jobs failed", error=repr(error))
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY)
            await within(self._poll, self._woken)

    async def sweep(self) -> int:
        """Trigger everything that is due now; how many triggers were sent."""
        async with self._db.platform() as session:
            taken = (
                await session.execute(TAKE_BACK, {"max_failures": MAX_FAILURES, "alive_for": self._alive_for})
            ).all()
        for row in taken:
            log.warning("job taken back from a dead worker", kind=row.kind, job_id=str(row.id), state=row.state)
        sent = 0
        while due := await self._due():
            sent += await self._trigger(due)
        return sent

    async def _due(self) -> list[tuple[UUID, int]]:
        async with self._db.platform() as session:
            rows = (await session.execute(DUE, {"again": self._trigger_again})).all()
        return [(row.id, row.attempt) for row in rows]

    async def _trigger(self, due: list[tuple[UUID, int]]) -> int:
        for sent, (job_id, attempt) in enumerate(due):
            try:
                await self._queue.enqueue(job_id, attempt)
            except (RedisError, OSError, TimeoutError):
                async with self._db.platform() as session:
                    await session.execute(NOT_TRIGGERED, {"ids": [job_id for job_id, _ in due[sent:]]})
                raise
        return len(due)
