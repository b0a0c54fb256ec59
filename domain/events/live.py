"""Following the log live: every process reads each new event once per organization, whoever listens here.

Only organizations with subscribers in this process are followed. Redis says when to look; a poll of the heads
finds what Redis lost. What was read is checked for density, so nothing can be missed or doubled unnoticed.

A subscriber that wants the past first reads the log up to where the organization's follower stands, and joins
it there, in one step of the event loop: no gap, no duplicate, and no buffer to fill while it catches up.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError

from db.session import Database
from domain.errors import OperationError
from domain.events.errors import ResyncError, ShutdownError, SlowConsumerError
from domain.events.reading import EventRow, read_after, read_head
from runtime import hints
from runtime.logging import get_logger

log = get_logger(__name__)

QUEUE = 256
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


class _Subscriber:
    """The events one consumer has not taken yet, and why there will be no more."""

    def __init__(self, size: int) -> None:
        self._events: asyncio.Queue[EventRow | None] = asyncio.Queue(size + 1)
        self._size = size
        self._ended: OperationError | None = None

    def offer(self, event: EventRow) -> None:
        if self._ended is None and self._events.qsize() >= self._size:
            self.end(SlowConsumerError("Too many events are waiting; subscribe again after your last cursor."))
        if self._ended is None:
            self._events.put_nowait(event)

    def end(self, error: OperationError) -> None:
        if self._ended is None:
            self._ended = error
            self._events.put_nowait(None)  # the place beyond `size` is kept for this

    async def take(self) -> EventRow:
        """The next event; what was waiting at the end still comes, then the reason is raised."""
        event = await self._events.get()
        if event is None:
            assert self._ended is not None
            raise self._ended
        return event


class _Follower:
    """Follows one organization as long as it has subscribers. `seq` is the last event handed out."""

    def __init__(self, org_id: UUID, seq: int, read: Read) -> None:
        self.org_id = org_id
        self._read = read
        self.seq = seq
        self.subscribers: set[_Subscriber] = set()
        self._head = seq
        self._woken = asyncio.Event()

    def head_seen(self, seq: int) -> None:
        """Someone said that the organization's log reaches `seq`."""
        if seq > self._head:
            self._head = seq
            self._woken.set()

    def end(self, error: OperationError) -> None:
        for subscriber in self.subscribers:
            subscriber.end(error)

    async def run(self) -> None:
        """Hand out new events until cancelled or the log cannot be continued."""
        delay = FIRST_RETRY
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                while self.seq < self._head:
                    self._hand_out(await self._read(self.org_id, self.seq))
                delay = FIRST_RETRY
            except DATABASE_ERRORS as error:
                log.warning("live events wait for the database", org_id=str(self.org_id), error=repr(error))
                self._woken.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_RETRY)

    def _hand_out(self, events: list[EventRow]) -> None:
        if not events:
            raise ResyncError(RESTORED)  # the announced events are not there any more
        for event in events:
            for subscriber in self.subscribers:
                subscriber.offer(event)
        self.seq = events[-1].seq


class LiveHub:
    """The live events of one process. `start()` it before use and `close()` it at the end."""

    def __init__(self, db: Database, redis: Redis | None, *, queue: int = QUEUE, poll: float = POLL) -> None:
        self._db = db
        self._queue = queue
        self._poll = poll
        self._listener = None if redis is None else hints.Listener(redis)
        self._followers: dict[UUID, _Follower] = {}
        self._tasks: dict[UUID | str, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._epoch: str | None = None
        self._closed = False
        self.reads = 0
        """How often followers read the log: once for each new head, however many listen."""

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

    async def events(self, org_id: UUID, after: int | None = None) -> AsyncGenerator[EventRow]:
        """The organization's events after number `after` (None: from now on), without end, each exactly once.

        Raises ResyncError when events after `after` are not in the log any more, SlowConsumerError when the
        consumer lets more than the queue's size wait, ShutdownError when the process stops.
        """
        subscriber = _Subscriber(self._queue)
        last = await read_head(self._db, org_id) if after is None else after
        try:
            while not self._join(subscriber, org_id, last):
                page = await read_after(self._db, org_id, last)
                if not page:
                    self._follow(org_id, last)
                for event in page:
                    yield event
                    last = event.seq
            while True:
                event = await subscriber.take()
                if event.seq > last:
                    last = event.seq
                    yield event
        finally:
            self._leave(subscriber, org_id)

    async def _read(self, org_id: UUID, after: int) -> list[EventRow]:
        self.reads += 1
        return await read_after(self._db, org_id, after)

    def _join(self, subscriber: _Subscriber, org_id: UUID, last: int) -> bool:
        """Join the organization's follower, if there is one and it has handed out nothing after `last`."""
        if self._closed:
            raise ShutdownError(STOPPING)
        follower = self._followers.get(org_id)
        if follower is None or follower.seq > last:
            return False
        follower.subscribers.add(subscriber)
        return True

    def _leave(self, subscriber: _Subscriber, org_id: UUID) -> None:
        follower = self._followers.get(org_id)
        if follower is not None and subscriber in follower.subscribers:
            follower.subscribers.discard(subscriber)
            if not follower.subscribers:
                self._unfollow(org_id)

    def _follow(self, org_id: UUID, seq: int) -> None:
        """Start following behind event `seq`, unless someone did meanwhile; who calls joins at once."""
        if org_id in self._followers or self._closed:
            return
        follower = self._followers[org_id] = _Follower(org_id, seq, self._read)
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

    def _follower_ended(self, follower: _Follower, task: asyncio.Task[None]) -> None:
        """A follower that was not cancelled cannot go on, and neither can its subscribers."""
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
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), self._poll if hinted else min(self._poll, POLL_UNHINTED))
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
