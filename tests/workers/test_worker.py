"""The whole worker: as `opsgraph worker` runs it, and as arq's own command does."""

import asyncio
import os
import signal
import sys
from functools import partial
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import text
from uuid_utils.compat import uuid7

from db.session import Database
from domain.events import heartbeats
from runtime import hints
from runtime.paths import PROJECT
from runtime.servers.valkey import Valkey
from runtime.settings import Settings
from tests.factories.events import running, until, write
from tests.factories.jobs import ask, job_row, working
from workers import upkeep
from workers.jobs import JobContext, job


async def done(db: Database, job_id: UUID) -> bool:
    return (await job_row(db, job_id)).state == "DONE"


async def logged(db: Database, org_id: UUID, count: int) -> bool:
    async with db.platform() as session:
        query = text("SELECT count(*) FROM event_log WHERE org_id = :org")
        return bool(await session.scalar(query, {"org": org_id}) == count)


async def test_it_runs_jobs_numbers_events_and_shows_that_it_lives(
    own: Database, redis: Redis, worker_settings: Settings
) -> None:
    @job("test.echo")
    async def echo(_ctx: JobContext, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments

    org = uuid7()
    assert not await heartbeats.alive(own, redis)
    async with working(worker_settings):
        await until(lambda: heartbeats.alive(own, redis))
        assert await heartbeats.alive(own, None)
        ids = [await ask(own, "test.echo", {"n": n}, org_id=org) for n in range(30)]
        await write(own, org, 3)
        await hints.committed(redis)
        for n, job_id in enumerate(ids):
            await until(partial(done, own, job_id))
            assert (await job_row(own, job_id)).result == {"n": n}
        await until(lambda: logged(own, org, 3))
    assert not await heartbeats.alive(own, None)


async def test_it_outlives_redis_and_finishes_what_was_running(
    own: Database, redis: Redis, valkey: Valkey, worker_settings: Settings
) -> None:
    started, go_on, ran = asyncio.Event(), asyncio.Event(), []

    @job("test.long")
    async def long(ctx: JobContext, _arguments: dict[str, Any]) -> None:
        ran.append(ctx.attempt)
        started.set()
        await go_on.wait()

    @job("test.short")
    async def short(_ctx: JobContext, _arguments: dict[str, Any]) -> None: ...

    org = uuid7()
    async with working(worker_settings):
        job_id = await ask(own, "test.long")
        await asyncio.wait_for(started.wait(), 20)
        valkey.stop()
        await write(own, org, 2)
        await until(lambda: logged(own, org, 2))
        second = await ask(own, "test.short")
        go_on.set()
        await until(lambda: done(own, job_id))
        valkey.start()
        await until(lambda: done(own, second))
    assert ran == [1]


async def test_stopping_gives_running_jobs_back(own: Database, worker_settings: Settings) -> None:
    started = asyncio.Event()

    @job("test.endless")
    async def endless(_ctx: JobContext, _arguments: dict[str, Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    async with working(worker_settings):
        job_id = await ask(own, "test.endless")
        await asyncio.wait_for(started.wait(), 20)
    row = await job_row(own, job_id)
    assert (row.state, row.failures) == ("QUEUED", 0)


async def test_arqs_own_command_runs_it(own: Database, redis: Redis, worker_settings: Settings) -> None:
    environment = {
        **os.environ,
        "ENVIRONMENT": "test",
        "DATABASE_URL": worker_settings.database_url,
        "REDIS_URL": worker_settings.redis_url,
        "DATA_DIR": str(worker_settings.data_dir),
        "SMTP_URL": "",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "arq", "workers.settings.WorkerSettings", cwd=PROJECT, env=environment
    )
    try:
        await until(lambda: heartbeats.alive(own, None))
        job_id = await ask(own, "mail.send", {"to": "jo@example.com", "subject": "Hi", "text": "Hello"})
        await until(lambda: done(own, job_id))
        org = uuid7()
        await write(own, org)
        await until(lambda: logged(own, org, 1))
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert not await heartbeats.alive(own, None)
    assert (worker_settings.data_dir / "mail" / f"{job_id}.eml").is_file()


async def test_upkeep_can_run_any_number_of_times(own: Database, worker_settings: Settings) -> None:
    old, kept = await ask(own, "test.old"), await ask(own, "test.kept")
    async with own.platform() as session:
        change = text("UPDATE jobs SET state = 'DONE', finished_at = now() - interval '31 days' WHERE id = :id")
        await session.execute(change, {"id": old})
    await asyncio.gather(*(upkeep.run(own, worker_settings) for _ in range(4)))
    async with own.platform() as session:
        assert set(await session.scalars(text("SELECT id FROM jobs"))) == {kept}


async def test_a_hint_starts_a_job_at_once(own: Database, redis: Redis, worker_settings: Settings) -> None:
    from workers.dispatch import Dispatcher
    from workers.queue import Queue

    queue = Queue(worker_settings)
    try:
        dispatcher = Dispatcher(own, redis, queue, poll=3600)
        async with running(dispatcher.run()):

            async def asked() -> bool:
                await ask(own, "test.hinted")
                await hints.committed(redis)
                return bool(await redis.zcard("opsgraph:queue"))

            await until(asked)
    finally:
        await queue.close()
