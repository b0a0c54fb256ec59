"""The only door to arq: settings of the queue, JSON messages, and the worker that runs them.

arq triggers and runs; the truth about a job is its row. So messages carry only the row's id and the number of
the attempt, results are not kept (a kept result would block its id), and arq never retries by itself.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote
from uuid import UUID

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.cron import cron
from arq.worker import Worker, create_worker, func

from runtime.settings import Settings

__all__ = ["HARD_TIMEOUT", "JOB_TIMEOUT", "Context", "Queue", "Regular", "Worker", "worker", "worker_settings"]

QUEUE = "opsgraph:queue"
RUN = "run"
JOB_TIMEOUT = 300
"""Seconds. arq hands a killed worker's message out again only after this; our sweep does not wait for it."""
HARD_TIMEOUT = JOB_TIMEOUT + 60
"""Leaves time to store how a job ended while the database is away for a moment."""
MAX_RUNNING = 10
POLL = 0.1

Context = dict[str, Any]
Hook = Callable[[Context], Awaitable[None]]


@dataclass(frozen=True)
class Regular:
    """A function that runs once a day in one worker (without `hour`: once an hour), and at its start; it must tolerate
    running twice."""

    function: Hook
    minute: int
    hour: int | None = None


def redis_settings(settings: Settings) -> RedisSettings:
    if not settings.redis_url:
        raise ValueError("REDIS_URL is empty; the worker needs a Redis or Valkey server.")
    found = RedisSettings.from_dsn(settings.redis_url)
    # arq takes them as they stand in the URL, where special characters are escaped.
    found.username = unquote(found.username) if found.username else None
    found.password = unquote(found.password) if found.password else None
    return found


def worker_settings(
    settings: Settings,
    run: Callable[[Context, str, int], Coroutine[Any, Any, None]],
    *,
    on_startup: Hook,
    on_shutdown: Hook,
    regular: tuple[Regular, ...] = (),
) -> dict[str, Any]:
    """What `arq` needs to run a worker, as keyword arguments of its Worker."""
    return {
        "functions": [func(cast(Any, run), name=RUN, max_tries=1_000_000)],
        "cron_jobs": [
            cron(cast(Any, job.function), hour=job.hour, minute=job.minute, run_at_startup=True, timeout=JOB_TIMEOUT)
            for job in regular
        ],
        "queue_name": QUEUE,
        "redis_settings": redis_settings(settings),
        "on_startup": on_startup,
        "on_shutdown": on_shutdown,
        "job_timeout": HARD_TIMEOUT,
        "job_completion_wait": 0,
        "max_jobs": MAX_RUNNING,
        "poll_delay": POLL,
        "keep_result": 0,
        "health_check_interval": 15,
        "health_check_key": f"{QUEUE}:health",
        "job_serializer": _dumps,
        "job_deserializer": orjson.loads,
        "log_results": False,
    }


def worker(options: dict[str, Any], *, handle_signals: bool) -> Worker:
    return create_worker(options, handle_signals=handle_signals)


class Queue:
    """Sends triggers. Connects at the first use, and again after a failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: ArqRedis | None = None

    async def enqueue(self, job_id: UUID, attempt: int) -> None:
        """Trigger attempt `attempt` of a job; a second trigger of the same attempt changes nothing.

        Raises RedisError or OSError when Redis cannot be reached.
        """
        if self._pool is None:
            redis = redis_settings(self._settings)
            redis.conn_retries = 0
            self._pool = await create_pool(
                redis, job_serializer=_dumps, job_deserializer=orjson.loads, default_queue_name=QUEUE
            )
        await self._pool.enqueue_job(RUN, str(job_id), attempt, _job_id=f"{job_id}:{attempt}")

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None


def _dumps(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, default=str)
