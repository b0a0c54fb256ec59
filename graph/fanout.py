"""Subscriptions to the log: one channel for all who asked the same and may see the same.

A channel follows the organization's log and makes each message once; the same bytes go to all its subscribers. The
last messages are kept, so that who comes back with a cursor is served from memory. Who is further behind reads pieces
of the log, which are rendered once for all who need them at about that time, until it stands where the channel keeps
messages; there it joins, in one step of the event loop.

A subscriber whose connection takes no more has some messages waiting for it, and then is ended with an error that
tells it to resume; nobody waits for it.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
from contextlib import aclosing
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy.exc import DBAPIError

from db.reads import LOST
from domain.events.cursors import Cursors
from domain.events.errors import ResyncError, SlowConsumerError
from domain.events.live import FIRST_RETRY, LAST_RETRY, Follower
from domain.events.reading import EventRow
from graph.core.followed import Bound
from graph.operations import Outcome
from runtime import metrics
from runtime.logging import get_logger

if TYPE_CHECKING:
    from graph.context import Platform

QUEUE = 128  # messages that may wait for one subscriber
KEPT_MESSAGES, KEPT_BYTES, KEPT_SECONDS = 256, 256_000, 30.0
PIECE, PIECES_KEPT, PIECE_SECONDS = 64, 64, 5.0
PIECES_AT_ONCE = 2  # that the process renders
RENDERED_AT_ONCE = 8
TURN = 256  # deliveries before other work of the process has its turn
CHANNELS_KEPT = 1_000  # without subscribers
OUTAGES = (*LOST, DBAPIError, asyncpg.InsufficientResourcesError, TimeoutError)
SLOW = "Too many messages wait for this connection; connect again and subscribe after your last cursor."

# Sends a message at once; False when that cannot be.
Express = Callable[[bytes], bool]

log = get_logger("opsgraph.fanout")


class Message:
    """One message: the number of its event, and the answer that everybody gets."""

    __slots__ = ("made", "outcome", "seq")

    def __init__(self, seq: int, outcome: Outcome) -> None:
        self.seq = seq
        self.outcome = outcome
        self.made = monotonic()


class Subscriber:
    """The messages that one subscriber has not taken yet, and why there will be no more. `last` is the number of the
    last event it need not be told of."""

    __slots__ = ("_error", "_express", "_queue", "_waiting", "last")

    def __init__(self, last: int, express: Express | None) -> None:
        self.last = last
        self._express = express
        self._queue: deque[Message] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    def give(self, message: Message) -> None:
        if message.seq <= self.last or self._error is not None:
            return
        self.last = message.seq
        waiting = self._waiting
        # Only who has taken everything and waits may be sent to directly: messages keep their order.
        idle = waiting is not None and not waiting.done()
        if idle and self._express is not None and self._express(message.outcome.body):
            return
        if len(self._queue) >= QUEUE:
            metrics.LIVE_SLOW.inc()
            self.end(SlowConsumerError(SLOW))
            return
        self._queue.append(message)
        metrics.LIVE_WAITING.inc()
        self._wake()

    def end(self, error: Exception) -> None:
        """No more messages; what waits is not sent any more, so that the last cursor the client has is the place."""
        if self._error is None:
            self._error = error
            self.drop()
            self._wake()

    def drop(self) -> None:
        """Forget what waits."""
        metrics.LIVE_WAITING.dec(len(self._queue))
        self._queue.clear()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def take(self) -> Message:
        while not self._queue:
            if self._error is not None:
                raise self._error
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        metrics.LIVE_WAITING.dec()
        return self._queue.popleft()


class Channel:
    """One distinct subscription. It has handled all events up to number `seq`; those of its messages that come after
    number `floor` are kept."""

    def __init__(self, fanout: "Fanout", bound: Bound) -> None:
        self.identity = bound.identity
        self.users = 0
        self.subscribers: set[Subscriber] = set()
        self.idle_since = 0.0
        self.seq = 0
        self._fanout = fanout
        self._platform = fanout.platform
        self._bound = bound
        self._org_id = bound.run.actor.org_id
        self._floor = 0
        self._epoch = ""
        self._kept: deque[Message] = deque()
        self._bytes = 0
        self._pieces: OrderedDict[tuple[int, int], asyncio.Task[list[Message]]] = OrderedDict()
        self._begun = asyncio.Event()
        self._follower: Follower | None = None
        self._error: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Follow the log, unless it does."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def rest(self) -> list["asyncio.Task[Any]"]:
        """Nobody listens: what is kept stays for a while, but nothing is added to it. Answers the tasks that end."""
        tasks: list[asyncio.Task[Any]] = list(self._pieces.values())
        if self._task is not None:
            tasks.append(self._task)
        for task in tasks:
            task.cancel()
        self._task = None
        self._begun.clear()
        self.idle_since = monotonic()
        return tasks

    # -- subscribers -----------------------------------------------------------------------------------------

    async def messages(self, after: str | None, express: Express | None) -> AsyncGenerator[Outcome]:
        await self._begun.wait()
        if self._error is not None:
            raise self._error
        assert self._follower is not None
        head = self._follower.head
        last = head if after is None else self._fanout.cursors.decode(after, self._epoch, self._org_id)
        if last > max(self.seq, head):
            await self._platform.live.read(self._org_id, last, 1)  # raises when the log is not that long
        while (subscriber := self._join(last, express)) is None:
            missed, last = await self._missed(last)
            for message in missed:
                if express is None or not express(message.outcome.body):
                    yield message.outcome
            await asyncio.sleep(0)  # others have their turn, also when nothing had to be waited for
        try:
            while True:
                yield (await subscriber.take()).outcome
        finally:
            self.subscribers.discard(subscriber)
            subscriber.drop()

    def _join(self, last: int, express: Express | None) -> Subscriber | None:
        """Join when nothing is kept that follows number `last`, and nothing is missing."""
        if self._error is not None:
            raise self._error
        self._drop_old()
        if last < self._floor or (self._kept and self._kept[-1].seq > last):
            return None
        subscriber = Subscriber(last, express)
        self.subscribers.add(subscriber)
        return subscriber

    async def _missed(self, last: int) -> tuple[list[Message], int]:
        """Messages that follow number `last`, and up to where they are all."""
        if last >= self._floor:
            found = [message for message in self._kept if message.seq > last]
            metrics.LIVE_DELIVERIES.labels("memory").inc(len(found))
            return found, self.seq
        begin = last // PIECE * PIECE
        end = min(begin + PIECE, self._floor)
        try:
            piece = await asyncio.shield(self._piece(begin, end))
        except ResyncError:
            if begin == last:
                raise
            piece = await asyncio.shield(self._piece(last, end))  # what precedes the cursor may be archived
        found = [message for message in piece if message.seq > last]
        metrics.LIVE_DELIVERIES.labels("log").inc(len(found))
        return found, end

    # -- pieces of the past ----------------------------------------------------------------------------------

    def _piece(self, begin: int, end: int) -> "asyncio.Task[list[Message]]":
        """The messages after number `begin` up to number `end`."""
        task = self._pieces.get((begin, end))
        if task is None:
            task = self._pieces[begin, end] = asyncio.create_task(self._render_piece(begin, end))
            task.add_done_callback(lambda done: self._piece_done(begin, end, done))
            if len(self._pieces) > PIECES_KEPT:
                self._pieces.popitem(last=False)
        return task

    def _piece_done(self, begin: int, end: int, task: "asyncio.Task[list[Message]]") -> None:
        failed = task.cancelled() or task.exception() is not None
        loop = asyncio.get_running_loop()
        loop.call_later(0 if failed else PIECE_SECONDS, self._pieces.pop, (begin, end), None)

    async def _render_piece(self, begin: int, end: int) -> list[Message]:
        delay = FIRST_RETRY
        while True:
            try:
                async with self._fanout.pieces:
                    made: list[Message] = []
                    for events in _parts(await self._platform.live.read(self._org_id, begin, end - begin)):
                        made += await self._render(events)
                    return made
            except OUTAGES as error:
                delay = await self._wait(delay, error)

    # -- following -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._follow()
        except Exception as error:
            # Whoever comes next begins a new channel.
            self._error = error
            self._fanout.forget(self)
            self._begun.set()
            for subscriber in list(self.subscribers):
                subscriber.end(error)

    async def _follow(self) -> None:
        live = self._platform.live
        epoch = await live.epoch()
        async with live.following(self._org_id) as follower:
            if epoch != self._epoch or not self.seq <= follower.head <= self.seq + KEPT_MESSAGES:
                self._kept.clear()
                self._bytes, self.seq, self._floor = 0, follower.head, follower.head
            self._epoch, self._follower = epoch, follower
            self._begun.set()
            delay = FIRST_RETRY
            while True:
                try:
                    for events in _parts(await follower.after(self.seq)):
                        await self._hand_out(events[-1].seq, await self._render(events))
                    delay = FIRST_RETRY
                except OUTAGES as error:
                    delay = await self._wait(delay, error)

    async def _wait(self, delay: float, error: BaseException) -> float:
        if isinstance(error, ValueError):
            raise error  # a value that the driver does not take: waiting does not help
        log.warning("subscriptions wait for the database", org_id=str(self._org_id), error=repr(error))
        await asyncio.sleep(delay)
        return min(delay * 2, LAST_RETRY)

    async def _render(self, events: list[EventRow]) -> list[Message]:
        """The messages of these events, in order."""
        shown = [(event, values) for event in events if (values := self._bound.select(event)) is not None]
        made = await asyncio.gather(*(self._message(*each) for each in shown), return_exceptions=True)
        for each in made:
            if isinstance(each, BaseException):
                raise each
        return [each for each in made if isinstance(each, Message)]

    async def _message(self, event: EventRow, values: dict[str, Any]) -> Message | None:
        cursor = self._fanout.cursors.encode(self._epoch, self._org_id, event.seq)
        body = await self._bound.render(event, values, cursor)
        metrics.LIVE_RENDERS.inc()
        return Message(event.seq, Outcome(body, cursor=cursor)) if body is not None else None

    async def _hand_out(self, seq: int, messages: list[Message]) -> None:
        """Give the messages to everybody; all events up to `seq` are handled then."""
        for message in messages:
            self._keep(message)
            self.seq = message.seq
            subscribers = list(self.subscribers)
            for begin in range(0, len(subscribers), TURN):
                if begin:
                    await asyncio.sleep(0)
                for subscriber in subscribers[begin : begin + TURN]:
                    subscriber.give(message)
            metrics.LIVE_DELIVERIES.labels("live").inc(len(subscribers))
        self.seq = seq

    def _keep(self, message: Message) -> None:
        self._kept.append(message)
        self._bytes += len(message.outcome.body)
        while len(self._kept) > KEPT_MESSAGES or self._bytes > KEPT_BYTES:
            self._drop()
        self._drop_old()

    def _drop_old(self) -> None:
        oldest = monotonic() - KEPT_SECONDS
        while self._kept and self._kept[0].made < oldest:
            self._drop()

    def _drop(self) -> None:
        message = self._kept.popleft()
        self._bytes -= len(message.outcome.body)
        self._floor = message.seq


def _parts(events: list[EventRow]) -> Iterator[list[EventRow]]:
    for begin in range(0, len(events), RENDERED_AT_ONCE):
        yield events[begin : begin + RENDERED_AT_ONCE]


class Fanout:
    """One per process."""

    def __init__(self, platform: "Platform") -> None:
        self.platform = platform
        self.pieces = asyncio.Semaphore(PIECES_AT_ONCE)
        self._channels: dict[Hashable, Channel] = {}
        self._idle: OrderedDict[Hashable, Channel] = OrderedDict()

    @cached_property
    def cursors(self) -> Cursors:
        return Cursors.from_settings(self.platform.settings)

    async def messages(self, bound: Bound, express: Express | None = None) -> AsyncGenerator[Outcome]:
        """The answers of a subscription, each exactly once. While who takes them waits for the next one, `express` may
        get it instead.

        Raises what ends it: ResyncError, SlowConsumerError, ShutdownError, BadUserInputError for its cursor."""
        channel = self._channels.get(bound.identity)
        if channel is None:
            channel = self._channels[bound.identity] = Channel(self, bound)
            metrics.LIVE_CHANNELS.inc()
        self._idle.pop(bound.identity, None)
        channel.users += 1
        channel.begin()
        try:
            async with aclosing(channel.messages(bound.after, express)) as messages:
                async for outcome in messages:
                    yield outcome
        finally:
            channel.users -= 1
            if not channel.users:
                self._rest(bound.identity, channel)

    def _rest(self, identity: Hashable, channel: Channel) -> None:
        channel.rest()
        if self._channels.get(identity) is not channel:
            return
        self._idle[identity] = channel
        asyncio.get_running_loop().call_later(KEPT_SECONDS + 1, self._forget_idle, identity)
        if len(self._idle) > CHANNELS_KEPT:
            self.forget(next(iter(self._idle.values())))

    def _forget_idle(self, identity: Hashable) -> None:
        channel = self._idle.get(identity)
        if channel is not None and monotonic() - channel.idle_since > KEPT_SECONDS:
            self.forget(channel)

    def forget(self, channel: Channel) -> None:
        """Who comes next begins a new channel."""
        identity = channel.identity
        self._idle.pop(identity, None)
        if self._channels.get(identity) is channel:
            del self._channels[identity]
            metrics.LIVE_CHANNELS.dec()

    async def close(self) -> None:
        """Ends what still works for nobody."""
        tasks = [task for channel in self._channels.values() for task in channel.rest()]
        await asyncio.gather(*tasks, return_exceptions=True)
