"""Running jobs. `@job("kind")` registers a handler; `run` carries one attempt of one row through it.

A job runs at least once and is DONE at most once: an attempt starts only from the row it was triggered for, and
finishes only while the row still shows that attempt. Handlers tolerate reruns.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncSession

from db.session import Database
from domain.events.heartbeats import WorkerIdentity
from runtime import metrics
from runtime.logging import get_logger
from runtime.settings import Settings
from workers.queue import HARD_TIMEOUT, JOB_TIMEOUT

log = get_logger(__name__)

MAX_FAILURES = 6
FIRST_RETRY, LAST_RETRY = timedelta(seconds=2), timedelta(minutes=30)
WRITE_RETRIES = (0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 10.0)
GIVE_BACK_TIMEOUT = 2.0
MAX_ERROR_TEXT = 2_000

CLAIM = text("""
    UPDATE jobs SET state = 'RUNNING', attempts = :attempt, started_at = clock_timestamp(), worker_id = :worker,
        lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE id = :id AND state = 'QUEUED' AND attempts = :attempt - 1
    RETURNING id, org_id, kind, arguments, failures
""")
FINISH = text("""
    UPDATE jobs SET state = 'DONE', result = CAST(:result AS json), error = NULL, finished_at = clock_timestamp(),
        arguments = CASE WHEN :forget THEN '{}'::json ELSE arguments END
    WHERE id = :id AND state = 'RUNNING' AND attempts = :attempt
    RETURNING id
""")
FAIL = text("""
    UPDATE jobs SET state = CASE WHEN :final THEN 'FAILED' ELSE 'QUEUED' END, failures = failures + 1,
        error = :error, triggered_at = NULL, run_after = clock_timestamp() + make_interval(secs => :delay),
        finished_at = CASE WHEN :final THEN clock_timestamp() END
    WHERE id = :id AND state = 'RUNNING' AND attempts = :attempt
    RETURNING id
""")
GIVE_BACK = text("""
    UPDATE jobs SET state = 'QUEUED', triggered_at = NULL
    WHERE id = :id AND state = 'RUNNING' AND attempts = :attempt
    RETURNING id
""")


class PermanentError(Exception):
    """The job can never succeed; it is not tried again. The text is kept as the job's error."""


@dataclass(frozen=True)
class JobContext:
    """What a handler works with. `transaction()` is in the job's organization, or the platform's."""

    job_id: UUID
    org_id: UUID | None
    attempt: int
    db: Database
    redis: Redis | None
    settings: Settings

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        scope = self.db.platform() if self.org_id is None else self.db.tenant(self.org_id)
        async with scope as session:
            yield session


Handler = Callable[[JobContext, dict[str, Any]], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True)
class Registration:
    handler: Handler
    timeout: float
    sensitive: bool


REGISTRY: dict[str, Registration] = {}


def job(kind: str, *, timeout: float = JOB_TIMEOUT, sensitive: bool = False) -> Callable[[Handler], Handler]:
    """Register the handler of a kind of job. What it returns (JSON) is kept as the result.

    `timeout` is in seconds, at most the queue's. The arguments of a `sensitive` job are erased once it is done.
    """

    def register(handler: Handler) -> Handler:
        if kind in REGISTRY:
            raise ValueError(f"Two handlers for the job {kind!r}.")
        REGISTRY[kind] = Registration(handler, min(timeout, JOB_TIMEOUT), sensitive)
        return handler

    return register


def backoff(failures: int) -> timedelta:
    """How long to wait after the `failures`-th failure: 2 s, then four times as long each time, to 30 min."""
    return min(FIRST_RETRY * int(4 ** min(max(failures - 1, 0), 10)), LAST_RETRY)


class Runner:
    """Runs single attempts for one worker process."""

    def __init__(self, db: Database, redis: Redis | None, settings: Settings, worker: WorkerIdentity) -> None:
        self._db = db
        self._redis = redis
        self._settings = settings
        self._worker = worker

    async def run(self, job_id: UUID, attempt: int) -> None:
        """Run one attempt and store how it ended. An attempt that was already made is passed over."""
        row = await self._claim(job_id, attempt)
        if row is None:
            return
        started = time.monotonic()
        outcome = "failed"
        try:
            outcome = await self._attempt(row, attempt)
        except asyncio.CancelledError:
            # The worker stops; that is no failure of the job.
            outcome = "given back"
            await asyncio.shield(self._give_back(job_id, attempt))
            raise
        finally:
            seconds = time.monotonic() - started
            metrics.JOBS.labels(row.kind, outcome).inc()
            metrics.JOB_SECONDS.labels(row.kind).observe(seconds)
            log.info("job", kind=row.kind, job_id=str(job_id), attempt=attempt, outcome=outcome, seconds=seconds)

    async def _claim(self, job_id: UUID, attempt: int) -> "Row[Any] | None":
        async with self._db.platform() as session:
            found = await session.execute(
                CLAIM,
                {"id": job_id, "attempt": attempt, "worker": self._worker.id, "lease": HARD_TIMEOUT},
            )
            return found.one_or_none()

    async def _attempt(self, row: "Row[Any]", attempt: int) -> str:
        registration = REGISTRY.get(row.kind)
        try:
            if registration is None:
                raise PermanentError(f"No handler for the job {row.kind!r}.")
            context = JobContext(row.id, row.org_id, attempt, self._db, self._redis, self._settings)
            async with asyncio.timeout(registration.timeout):
                result = await registration.handler(context, _json(row.arguments))
        except Exception as error:
            final = isinstance(error, PermanentError) or row.failures + 1 >= MAX_FAILURES
            log.warning("job failed", kind=row.kind, job_id=str(row.id), final=final, exc_info=error)
            await self._write(
                FAIL,
                id=row.id,
                attempt=attempt,
                final=final,
                error=_describe(error),
                delay=backoff(row.failures + 1).total_seconds(),
            )
            return "failed" if final else "retried"
        text_of_result = None if result is None else orjson.dumps(result, default=str).decode()
        done = await self._write(
            FINISH, id=row.id, attempt=attempt, result=text_of_result, forget=registration.sensitive
        )
        return "done" if done else "superseded"

    async def _give_back(self, job_id: UUID, attempt: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_BACK_TIMEOUT):
                await self._write(GIVE_BACK, id=job_id, attempt=attempt)

    async def _write(self, statement: Any, **values: Any) -> bool:
        """Store how an attempt ended; whether the row still showed it. Patient, because an end that is not
        stored makes the job run again."""
        for delay in (*WRITE_RETRIES, None):
            try:
                async with self._db.platform() as session:
                    return (await session.execute(statement, values)).one_or_none() is not None
            except (DBAPIError, InterfaceError, OSError, TimeoutError) as error:
                if delay is None:
                    raise
                log.warning("end of a job not stored yet", job_id=str(values["id"]), error=repr(error))
                await asyncio.sleep(delay)
        raise AssertionError


def _json(value: Any) -> dict[str, Any]:
    loaded = orjson.loads(value) if isinstance(value, str | bytes) else value
    assert isinstance(loaded, dict)
    return loaded


def _describe(error: BaseException) -> str:
    text_of_error = str(error)
    name = type(error).__name__
    return (f"{name}: {text_of_error}" if text_of_error else name)[:MAX_ERROR_TEXT]
