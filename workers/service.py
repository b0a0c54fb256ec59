"""What a worker process has besides arq: database, Redis, relay, sweep and heartbeat."""

import asyncio
import contextlib
from functools import partial
from uuid import UUID

import workers.collaboration.notification_mails
import workers.files.documents
import workers.identity.letters
import workers.identity.mail
import workers.maintenance.releases  # noqa: F401 - they register their jobs
from db.session import Database
from domain.events import heartbeats
from domain.events.heartbeats import WorkerIdentity
from domain.reminders import running as reminders
from runtime import hints
from runtime.logging import get_logger
from runtime.settings import Settings
from runtime.tasks import end
from workers import heartbeat, relay, upkeep
from workers.collaboration import presence
from workers.collaboration.notifications import Notifier
from workers.dispatch import Dispatcher
from workers.jobs import Runner
from workers.queue import Context, Queue, Regular, worker_settings

log = get_logger(__name__)

KEY = "service"
LEAVE_SECONDS = 2.0


class Service:
    """Lives as long as the process, also while Redis is away: events are numbered all the same."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.identity = WorkerIdentity()
        self.db = Database(settings)
        self.redis = hints.connect(settings.redis_url)
        self.db.announce = partial(hints.commits, self.redis)
        self.queue = Queue(settings)
        self.runner = Runner(self.db, self.redis, settings, self.identity)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        # The row first: a running job whose worker has none counts as orphaned.
        await heartbeat.once(self.db, self.redis, self.identity)
        dispatcher = Dispatcher(self.db, self.redis, self.queue)
        self._tasks = [
            asyncio.create_task(heartbeat.run(self.db, self.redis, self.identity)),
            asyncio.create_task(relay.run(self.db, self.redis)),
            asyncio.create_task(dispatcher.run()),
            asyncio.create_task(Notifier(self.db, self.redis).run()),
            asyncio.create_task(presence.run(self.db, self.settings)),
        ]

    async def stop(self) -> None:
        await end(self._tasks)
        with contextlib.suppress(Exception):  # the database may be gone already
            async with asyncio.timeout(LEAVE_SECONDS):
                await heartbeats.leave(self.db, self.identity)
        await self.queue.close()
        await self.redis.aclose()
        await self.db.close()


async def run_job(ctx: Context, job_id: str, attempt: int) -> None:
    service: Service = ctx[KEY]
    await service.runner.run(UUID(job_id), attempt)


async def _upkeep(ctx: Context) -> None:
    service: Service = ctx[KEY]
    await upkeep.run(service.db, service.settings)


async def _remind(ctx: Context) -> None:
    """Every hour: somewhere it has just become tomorrow."""
    service: Service = ctx[KEY]
    sent = await reminders.run(service.db)
    log.info("reminders", sent=len(sent))


def options(settings: Settings, service: Service | None = None) -> dict[str, object]:
    """Options of an arq worker. Given a `service`, it uses that one; else it starts and stops its own."""

    async def on_startup(ctx: Context) -> None:
        if KEY not in ctx:
            ctx[KEY] = Service(settings)
            await ctx[KEY].start()

    async def on_shutdown(ctx: Context) -> None:
        if service is None and KEY in ctx:
            await ctx.pop(KEY).stop()

    found = worker_settings(
        settings,
        run_job,
        on_startup=on_startup,
        on_shutdown=on_shutdown,
        regular=(Regular(_upkeep, hour=3, minute=10), Regular(_remind, minute=20)),
    )
    if service is not None:
        found["ctx"] = {KEY: service}
    return found
