"""Following the log live: every process reads each new event once per organization, whoever listens here.

Only organizations with listeners in this process are followed. Redis says when to look; a poll of the heads finds
what Redis lost. What was read is checked for density, so nothing can be missed or doubled unnoticed.

A follower keeps the newest events. Who listens takes the events behind a number, at its own pace: from memory, or from
the log when it is behind what is kept. So replay and live are one thing (no gap, no duplicate), and there is no queue
that could overflow.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from itertools import islice
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError

from db.session import Database
from domain.errors import OperationError
from domain.events.errors import ResyncError, ShutdownError
from domain.events.reading import PAGE, EventRow, read_after, read_head
from runtime import hints
from runtime.logging import get_logger
from runtime.tasks import within

log = get_logger(__name__)

KEPT = PAGE
POLL = 1.0
POLL_UNHINTED = 0.1
FIRST_RETRY, LAST_RETRY = 0.1, 5.0
DATABASE_ERRORS = (
    DBAPIError,
    InterfaceError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)

POLL_HEADS = text("SELECT org_id, seq FROM event_heads WHERE org_id = ANY(:orgs)")
EPOCH = text("SELECT event_epoch()")

STOPPING = "This server stops; subscribe again after your last cursor."
RESTORED = "The log was restored; read again and subscribe without a cursor."


Read = Callable[[UUID, int], Awaitable[list[EventRow]]]


class Follower:
    """Follows one organization as long as somebody listens. `seq` is the last event that was read, `head` the last
    one that was announced."""

    def __init__(self, org_id: UUID, seq: int, read: Read) -> None:
        self.org_id = org_id
        self.seq = self.head = seq
        self.listeners = 0
        self._read = read
        self._kept: deque[EventRow] = deque(maxlen=KEPT)
        self._announced = asyncio.Event()
        self._news = asyncio.Event()
        self._ended: OperationError | None = None

    async def after(self, seq: int) -> list[EventRow]:
        """The events that follow number `seq`, at most a page; waits until there are some.

        Raises ResyncError when they are not in the log any more or `seq` is not there yet, ShutdownError when the
        process stops."""
        while True:
            if self._ended is not None:
                raise self._ended
            missed = self.seq - seq
            if 0 < missed <= len(self._kept):
                return list(islice(self._kept, len(self._kept) - missed, None))
            if missed > 0:
                return await self._read(self.org_id, seq)
            news = self._news
            if missed < 0 and seq > self.head:
                if events := await self._read(self.org_id, seq):
                    return events
                self.head_seen(seq)
            else:
                await news.wait()

    def head_seen(self, seq: int) -> None:
        """Someone said that the organization's log reaches `seq`."""
        if seq > self.head:
            self.head = seq
            self._announced.set()

    def end(self, error: OperationError) -> None:
        self._ended = error
        self._news.set()

    async def run(self) -> None:
        """Read new events until cancelled or the log cannot be continued."""
        delay = FIRST_RETRY
        while True:
            await self._announced.wait()
            self._announced.clear()
            try:
                while self.seq < self.head:
                    self._keep(await self._read(self.org_id, self.seq))
                delay = FIRST_RETRY
            except DATABASE_ERRORS as error:
                log.warning("live events wait for the database", org_id=str(self.org_id), error=repr(error))
                self._announced.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY)

    def _keep(self, events: list[EventRow]) -> None:
        if not events:
            raise ResyncError(RESTORED)  # the announced events are not there any more
        self._kept.extend(events)
        self.seq = events[-1].seq
        news, self._news = self._news, asyncio.Event()
        news.set()


class LiveHub:
    """The live events of one process. `start()` it before use and `close()` it at the end."""

    def __init__(self, db: Database, redis: Redis | None, *, poll: float = POLL) -> None:
        self._db = db
        self._poll = poll
        self._listener = None if redis is None else hints.Listener(redis)
        self._followers: dict[UUID, Follower] = {}
        self._tasks: dict[UUID | str, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._epoch: str | None = None
        self._closed = False
        self.reads = 0
        """How often the log was read: once for each new head, however many listen."""

    @property
    def followed(self) -> set[UUID]:
        """The organizations that someone listens to here."""
        return set(self._followers)

    async def start(self) -> None:
        if self._listener is not None:
            self._tasks["hints"] = asyncio.create_task(self._listener.run())
        self._tasks["poll"] = asyncio.create_task(self._poll_heads())

    async def close(self) -> None:
        """End every subscription here with an error that tells it to resume."""
        self._closed = True
        tasks = list(self._tasks.values())
        for org_id in list(self._followers):
            self._unfollow(org_id, ShutdownError(STOPPING))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def epoch(self) -> str:
        """The epoch that cursors are made and read with."""
        if self._epoch is None:
            async with self._db.platform() as session:
                self._epoch = str(await session.scalar(EPOCH))
        return self._epoch

    @contextlib.asynccontextmanager
    async def following(self, org_id: UUID) -> AsyncIterator[Follower]:
        """The organization's follower, which follows it at least until the end of the block."""
        while (follower := self._followers.get(org_id)) is None:
            if self._closed:
                raise ShutdownError(STOPPING)
            self._follow(org_id, await read_head(self._db, org_id))
        follower.listeners += 1
        try:
            yield follower
        finally:
            follower.listeners -= 1
            if not follower.listeners and self._followers.get(org_id) is follower:
                self._unfollow(org_id)

    async def events(self, org_id: UUID, after: int | None = None) -> AsyncGenerator[EventRow]:
        """The organization's events after number `after` (None: from now on), without end, each exactly once. Raises
        as `Follower.after` does."""
        async with self.following(org_id) as follower:
            last = follower.head if after is None else after
            while True:
                for event in await follower.after(last):
                    yield event
                    last = event.seq

    async def read(self, org_id: UUID, after: int, count: int = PAGE) -> list[EventRow]:
        """Up to `count` events that follow number `after`, from the log; see `read_after`."""
        self.reads += 1
        return await read_after(self._db, org_id, after, count)

    def _follow(self, org_id: UUID, seq: int) -> None:
        """Start following behind event `seq`, unless someone did meanwhile."""
        if org_id in self._followers or self._closed:
            return
        follower = self._followers[org_id] = Follower(org_id, seq, self.read)
        task = self._tasks[org_id] = asyncio.create_task(follower.run())
        task.add_done_callback(lambda ended: self._follower_ended(follower, ended))
        if self._listener is not None:
            self._listener.add(hints.events_channel(org_id), self._hint_for(org_id))
        else:
            self._look.set()

    def _unfollow(self, org_id: UUID, error: OperationError | None = None) -> None:
        follower = self._followers.pop(org_id)
        self._tasks.pop(org_id).cancel()
        if self._listener is not None:
            self._listener.remove(hints.events_channel(org_id))
        if error is not None:
            follower.end(error)

    def _follower_ended(self, follower: Follower, task: asyncio.Task[None]) -> None:
        """A follower that was not cancelled cannot go on, and neither can who listens."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, OperationError):
            log.error("live events of an organization ended", org_id=str(follower.org_id), exc_info=error)
            error = OperationError("The live events ended unexpectedly; subscribe again after your last cursor.")
        if self._followers.get(follower.org_id) is follower:
            self._unfollow(follower.org_id, error)

    def _hint_for(self, org_id: UUID) -> hints.Callback:
        def hint(payload: str) -> None:
            if payload.isdecimal() and org_id in self._followers:
                self._followers[org_id].head_seen(int(payload))
            else:
                self._look.set()

        return hint

    async def _poll_heads(self) -> None:
        """Look for what no hint announced: at intervals, and when hints begin or come back."""
        while True:
            hinted = self._listener is not None and self._listener.connected
            await within(self._poll if hinted else min(self._poll, POLL_UNHINTED), self._look)
            self._look.clear()
            if not self._followers:
                continue
            try:
                await self._look_at_heads()
            except DATABASE_ERRORS as error:
                log.warning("live events cannot look at the log", error=repr(error))
                await asyncio.sleep(POLL_UNHINTED)

    async def _look_at_heads(self) -> None:
        async with self._db.platform() as session:
            epoch = str(await session.scalar(EPOCH))
            followed = {org_id: follower.seq for org_id, follower in self._followers.items()}
            rows = (await session.execute(POLL_HEADS, {"orgs": list(followed)})).all()
        if self._epoch is not None and epoch != self._epoch:
            for org_id in list(self._followers):
                self._unfollow(org_id, ResyncError(RESTORED))
        self._epoch = epoch
        heads: dict[UUID, int] = {row.org_id: row.seq for row in rows}
        for org_id, seq in followed.items():
            if (follower := self._followers.get(org_id)) is None:
                continue
            if heads.get(org_id, 0) < seq:  # what was handed out already is not there any more
                self._unfollow(org_id, ResyncError(RESTORED))
            else:
                follower.head_seen(heads.get(org_id, 0))
