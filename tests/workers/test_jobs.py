"""Attempts of jobs: at least once, done at most once, and every end kept in the row."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from db.session import Database
from tests.factories.events import until
from tests.factories.jobs import ask, job_row
from workers.dispatch import Dispatcher
from workers.jobs import MAX_FAILURES, JobContext, PermanentError, Runner, backoff, job
from workers.queue import Queue


async def test_the_result_of_a_job_is_kept(own: Database, runner: Runner) -> None:
    @job("test.add")
    async def add(_ctx: JobContext, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"sum": arguments["a"] + arguments["b"]}

    job_id = await ask(own, "test.add", {"a": 2, "b": 3})
    await runner.run(job_id, 1)
    row = await job_row(own, job_id)
    assert (row.state, row.result, row.attempts, row.failures, row.error) == ("DONE", {"sum": 5}, 1, 0, None)
    assert row.arguments == {"a": 2, "b": 3}
    assert row.finished_at is not None
    assert row.started_at is not None
    assert row.finished_at > row.started_at


async def test_a_job_works_in_its_organization(own: Database, runner: Runner) -> None:
    seen: list[str | None] = []

    @job("test.scope")
    async def scope(ctx: JobContext, _arguments: dict[str, Any]) -> None:
        async with ctx.transaction() as session:
            query = text("SELECT current_user || ' ' || coalesce(nullif(current_setting('app.org_id', true), ''), '-')")
            seen.append(await session.scalar(query))

    org = uuid7()
    await runner.run(await ask(own, "test.scope", org_id=org), 1)
    await runner.run(await ask(own, "test.scope"), 1)
    assert seen == [f"opsgraph_app {org}", "opsgraph_system -"]


async def test_an_attempt_runs_once_however_often_it_is_triggered(own: Database, runner: Runner) -> None:
    ran: list[int] = []

    @job("test.once")
    async def once(ctx: JobContext, _arguments: dict[str, Any]) -> None:
        ran.append(ctx.attempt)

    job_id = await ask(own, "test.once")
    await asyncio.gather(*(runner.run(job_id, 1) for _ in range(8)))
    await runner.run(job_id, 1)
    await runner.run(job_id, 2)
    assert ran == [1]
    assert (await job_row(own, job_id)).state == "DONE"


async def test_a_failed_job_is_tried_again_and_then_given_up(own: Database, runner: Runner) -> None:
    @job("test.fail")
    async def fail(ctx: JobContext, _arguments: dict[str, Any]) -> None:
        raise ValueError(f"attempt {ctx.attempt}")

    job_id = await ask(own, "test.fail")
    for attempt in range(1, MAX_FAILURES + 1):
        before = await job_row(own, job_id)
        assert before.state == "QUEUED"
        await runner.run(job_id, attempt)
        row = await job_row(own, job_id)
        assert (row.attempts, row.failures, row.error) == (attempt, attempt, f"ValueError: attempt {attempt}")
        if attempt < MAX_FAILURES:
            assert before.run_after + backoff(attempt) / 2 < row.run_after
    assert (row.state, row.finished_at is not None) == ("FAILED", True)
    await runner.run(job_id, MAX_FAILURES + 1)
    assert (await job_row(own, job_id)).failures == MAX_FAILURES


def test_waits_grow_to_a_limit() -> None:
    waits = [backoff(failures) for failures in range(1, 60)]
    assert waits[:4] == [timedelta(seconds=2), timedelta(seconds=8), timedelta(seconds=32), timedelta(seconds=128)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(minutes=30)


async def test_what_can_never_succeed_fails_at_once(own: Database, runner: Runner) -> None:
    @job("test.never")
    async def never(_ctx: JobContext, _arguments: dict[str, Any]) -> None:
        raise PermanentError("No such thing.")

    for kind, error in (
        ("test.never", "PermanentError: No such thing."),
        ("test.unknown", "PermanentError: No handler for the job 'test.unknown'."),
    ):
        job_id = await ask(own, kind)
        await runner.run(job_id, 1)
        row = await job_row(own, job_id)
        assert (row.state, row.error) == ("FAILED", error)


async def test_a_job_that_takes_too_long_fails(own: Database, runner: Runner) -> None:
    @job("test.slow", timeout=0.05)
    async def slow(_ctx: JobContext, _arguments: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    job_id = await ask(own, "test.slow")
    await runner.run(job_id, 1)
    row = await job_row(own, job_id)
    assert (row.state, row.failures, row.error) == ("QUEUED", 1, "TimeoutError")


async def test_a_stopping_worker_gives_its_jobs_back(own: Database, runner: Runner) -> None:
    started = asyncio.Event()

    @job("test.endless")
    async def endless(_ctx: JobContext, _arguments: dict[str, Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    job_id = await ask(own, "test.endless")
    task = asyncio.create_task(runner.run(job_id, 1))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    row = await job_row(own, job_id)
    assert (row.state, row.attempts, row.failures, row.triggered_at) == ("QUEUED", 1, 0, None)


async def test_an_attempt_that_was_taken_over_cannot_finish(own: Database, runner: Runner) -> None:
    @job("test.stale")
    async def stale(ctx: JobContext, _arguments: dict[str, Any]) -> dict[str, Any]:
        if ctx.attempt == 1:
            # Another worker took the job back and did it meanwhile.
            async with ctx.db.platform() as session:
                await session.execute(text("UPDATE jobs SET state = 'QUEUED' WHERE id = :id"), {"id": ctx.job_id})
            await runner.run(ctx.job_id, 2)
        return {"attempt": ctx.attempt}

    job_id = await ask(own, "test.stale")
    await runner.run(job_id, 1)
    row = await job_row(own, job_id)
    assert (row.state, row.result, row.attempts) == ("DONE", {"attempt": 2}, 2)


async def test_sensitive_arguments_are_erased_when_done(own: Database, runner: Runner) -> None:
    @job("test.secret", sensitive=True)
    async def secret(ctx: JobContext, _arguments: dict[str, Any]) -> None:
        if ctx.attempt == 1:
            raise ValueError("once")

    job_id = await ask(own, "test.secret", {"token": "s"})
    await runner.run(job_id, 1)
    assert (await job_row(own, job_id)).arguments == {"token": "s"}
    await runner.run(job_id, 2)
    assert (await job_row(own, job_id)).arguments == {}


async def test_an_organization_asks_only_for_itself_and_changes_nothing(own: Database) -> None:
    mine, other = uuid7(), uuid7()
    await ask(own, "test.mine", org_id=mine)
    await ask(own, "test.other", org_id=other)
    await ask(own, "test.platform")
    async with own.tenant(mine) as session:
        assert list(await session.scalars(text("SELECT kind FROM jobs"))) == ["test.mine"]
    for statement in (
        "UPDATE jobs SET state = 'DONE'",
        "DELETE FROM jobs",
        f"INSERT INTO jobs (id, org_id, kind, arguments) VALUES (gen_random_uuid(), '{other}', 'x', '{{}}')",
        "INSERT INTO jobs (id, kind, arguments) VALUES (gen_random_uuid(), 'x', '{}')",
        "SELECT * FROM worker_heartbeats",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|row-level security"):
            async with own.tenant(mine) as session:
                await session.execute(text(statement))


async def test_two_handlers_for_a_kind_are_refused() -> None:
    @job("test.twice")
    async def first(_ctx: JobContext, _arguments: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match=r"test\.twice"):
        job("test.twice")(first)


async def sent(redis: Redis) -> set[str]:
    names: list[Any] = await redis.zrange("opsgraph:queue", 0, -1)
    return set(names)


async def test_the_sweep_triggers_due_jobs_once_and_again_when_redis_lost_them(
    own: Database, redis: Redis, worker_settings: Any
) -> None:
    queue = Queue(worker_settings)
    dispatcher = Dispatcher(own, None, queue, trigger_again=0.2)
    try:
        due = await ask(own, "test.due")
        later = await ask(own, "test.later")
        async with own.platform() as session:
            delay = text("UPDATE jobs SET run_after = clock_timestamp() + interval '1 hour' WHERE id = :id")
            await session.execute(delay, {"id": later})
        assert await dispatcher.sweep() == 1
        assert await sent(redis) == {f"{due}:1"}
        await redis.flushdb()

        async def again() -> bool:
            await dispatcher.sweep()
            return await sent(redis) == {f"{due}:1"}

        await until(again)
        assert (await job_row(own, due)).attempts == 0
    finally:
        await queue.close()


async def test_jobs_wait_while_redis_is_away(own: Database, redis: Redis, worker_settings: Any, valkey: Any) -> None:
    queue = Queue(worker_settings)
    dispatcher = Dispatcher(own, None, queue, trigger_again=3600)
    try:
        job_id = await ask(own, "test.due")
        valkey.stop()
        with pytest.raises(RedisError, match="connect"):
            await dispatcher.sweep()
        assert (await job_row(own, job_id)).triggered_at is None
        valkey.start()
        assert await dispatcher.sweep() == 1
        assert await sent(redis) == {f"{job_id}:1"}
    finally:
        await queue.close()


async def test_jobs_of_a_dead_worker_are_taken_back(own: Database, runner: Runner, worker_settings: Any) -> None:
    started, ran = asyncio.Event(), []

    @job("test.orphan")
    async def orphan(ctx: JobContext, _arguments: dict[str, Any]) -> None:
        ran.append(ctx.attempt)
        started.set()
        await asyncio.Event().wait()

    queue = Queue(worker_settings)
    job_id = await ask(own, "test.orphan")
    task = asyncio.create_task(runner.run(job_id, 1))
    try:
        await started.wait()
        assert await Dispatcher(own, None, queue).sweep() == 0
        async with own.platform() as session:
            await session.execute(text("UPDATE worker_heartbeats SET beat_at = beat_at - interval '1 hour'"))
        assert await Dispatcher(own, None, queue).sweep() == 1
        row = await job_row(own, job_id)
        assert (row.state, row.attempts, row.failures) == ("QUEUED", 1, 1)
        assert "stopped answering" in (row.error or "")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await queue.close()
