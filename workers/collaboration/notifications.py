"""Follows the logs of all organizations in this worker; what is told to whom is `domain.collaboration.telling`."""

import asyncio
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy.exc import DBAPIError, InterfaceError

from db.session import Database
from domain.collaboration import telling
from runtime import hints, metrics
from runtime.logging import get_logger
from runtime.tasks import together, within

log = get_logger(__name__)

POLL = 1.0
REST = 0.1  # between two looks: events that come in quick succession are looked at together
FIRST_RETRY, LAST_RETRY = 0.2, 5.0
LOST = (DBAPIError, InterfaceError, OSError, TimeoutError)


class Notifier:
    """`run()` tells people until cancelled, through outages of the database and of Redis. Any number may run."""

    def __init__(self, db: Database, redis: Redis | None, *, poll: float = POLL, rest: float = REST) -> None:
        self._db = db
        self._redis = redis
        self._poll = poll
        self._rest = rest
        self._woken = asyncio.Event()

    async def run(self) -> None:
        if self._redis is None:
            return await self._work()
        listener = hints.Listener(self._redis)
        listener.add(hints.LOG, lambda _: self._woken.set())
        await together(listener.run(), self._work())

    async def _work(self) -> None:
        delay = FIRST_RETRY
        while True:
            self._woken.clear()
            try:
                done = await self.look()
            except LOST as error:
                log.warning("notifications wait for the database", error=repr(error))
                done = False
            if not done:
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY)
                continue
            delay = FIRST_RETRY
            await asyncio.sleep(self._rest)
            await within(self._poll, self._woken)

    async def look(self) -> bool:
        """Tell of everything that is new; False when it must be tried again for some organization."""
        failed = False
        for org_id in await telling.behind(self._db):
            try:
                await self._catch_up(org_id)
            except LOST as error:
                log.warning("notifications of an organization wait", org_id=str(org_id), error=repr(error))
                failed = True
            except Exception:
                # One organization's trouble must not keep the others from hearing.
                log.exception("notifications of an organization failed", org_id=str(org_id))
                failed = True
        return not failed

    async def _catch_up(self, org_id: UUID) -> None:
        more = True
        while more:
            progress = await telling.tell(self._db, org_id)
            more = progress.more
            if progress.told:
                metrics.NOTIFICATIONS.inc(progress.told)
                await hints.committed(self._redis)
