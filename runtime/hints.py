"""Wake-up hints over Redis pub/sub. A hint says "look now" and carries nothing that may not be lost.

Whoever listens also polls the database, so a lost hint costs milliseconds and never an event or a job.
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime.logging import get_logger

log = get_logger(__name__)

OUTBOX = "opsgraph:outbox"
JOBS = "opsgraph:jobs"
LOG = "opsgraph:log"

PUBLISH_TIMEOUT = 0.25
SILENCE_AFTER_FAILURE = 1.0
FIRST_RETRY, LAST_RETRY = 0.05, 1.0
ERRORS = (RedisError, OSError, TimeoutError)  # how it shows that Redis is away

Callback = Callable[[str], None]
_silent_until: WeakKeyDictionary[Redis, float] = WeakKeyDictionary()


def events_channel(org_id: UUID) -> str:
    """The channel on which the relay announces an organization's new head."""
    return f"opsgraph:events:{org_id}"


def commits_channel(org_id: UUID) -> str:
    """The channel on which a process says that it committed events of an organization."""
    return f"opsgraph:commits:{org_id}"


def connect(url: str) -> Redis:
    """A client whose dead connections are noticed; it connects lazily, so a missing server raises later."""
    client: Redis = Redis.from_url(url, socket_connect_timeout=1, health_check_interval=5, decode_responses=True)
    return client


async def publish(redis: Redis | None, channel: str, payload: str | int = "") -> None:
    """Send one hint, best effort: never raises and never takes long, whatever state Redis is in."""
    await publish_all(redis, [(channel, payload)])


async def committed(redis: Redis | None) -> None:
    """Say that something committed: the relay looks for events and the dispatcher for jobs."""
    await publish_all(redis, [(OUTBOX, ""), (JOBS, "")])


async def commits(redis: Redis | None, organizations: Collection[UUID]) -> bool:
    """Say that events of these organizations were committed; whether everyone who follows them has been told.

    It is tried after a failure too: others may hear Redis again already, and would be told by PostgreSQL alone, which
    they hear a moment later. While Redis hangs, that costs each commit PUBLISH_TIMEOUT."""
    return await _sent(redis, [(commits_channel(org_id), "") for org_id in organizations])


async def publish_all(redis: Redis | None, hints: list[tuple[str, str | int]]) -> bool:
    """Send several hints in one round trip; whether Redis took them. After a failure nothing is tried for a second."""
    if redis is None or time.monotonic() < _silent_until.get(redis, 0.0):
        return False
    return await _sent(redis, hints)


async def _sent(redis: Redis | None, hints: list[tuple[str, str | int]]) -> bool:
    if redis is None or not hints:
        return False
    try:
        async with asyncio.timeout(PUBLISH_TIMEOUT), redis.pipeline(transaction=False) as pipe:
            for channel, payload in hints:
                pipe.publish(channel, payload)
            await pipe.execute()
    except ERRORS as error:
        _silent_until[redis] = time.monotonic() + SILENCE_AFTER_FAILURE
        log.warning("hint not sent", channel=hints[0][0], error=repr(error))
        return False
    _silent_until.pop(redis, None)
    return True


class Reconnecting(ABC):
    """One pub/sub connection of a process; `connected` says whether there is one at this moment."""

    connected = False

    async def run(self) -> None:
        """Listen until cancelled; reconnects with backoff."""
        delay = FIRST_RETRY
        while True:
            try:
                await self._listen()
            except ERRORS as error:
                if self.connected:
                    log.warning("hints lost", error=repr(error))
                    delay = FIRST_RETRY
            finally:
                self.connected = False
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_RETRY)

    @abstractmethod
    async def _listen(self) -> None:
        """Listen on a new connection until it is lost; sets `connected` once hints come."""


class Listener(Reconnecting):
    """Hears hints on channels that come and go while it runs.

    A callback gets the payload of each hint, and "" whenever following its channel begins or begins again,
    because hints may have been missed before. Callbacks must not block.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._callbacks: dict[str, list[Callback]] = {}
        self._changed = asyncio.Event()
        self._followed: set[str] = set()

    def add(self, channel: str, callback: Callback) -> None:
        self._callbacks.setdefault(channel, []).append(callback)
        self._changed.set()

    def remove(self, channel: str) -> None:
        """Forget a channel and its callbacks."""
        self._callbacks.pop(channel, None)
        self._changed.set()

    async def _listen(self) -> None:
        pubsub: Any = self._redis.pubsub(ignore_subscribe_messages=True)
        self._followed = set()
        try:
            await self._until_wanted()
            await self._follow_changes(pubsub)
            self.connected = True
            changes = asyncio.create_task(self._keep_following(pubsub))
            try:
                while not changes.done():
                    message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5.0)
                    if message is not None and message["type"] == "message":
                        self._call(message["channel"], message["data"])
                changes.result()
            finally:
                changes.cancel()
                with contextlib.suppress(asyncio.CancelledError, *ERRORS):
                    await changes
        finally:
            with contextlib.suppress(*ERRORS):
                await pubsub.aclose()

    async def _until_wanted(self) -> None:
        while not self._callbacks:
            self._changed.clear()
            await self._changed.wait()

    async def _keep_following(self, pubsub: Any) -> None:
        while True:
            await self._changed.wait()
            await self._follow_changes(pubsub)

    async def _follow_changes(self, pubsub: Any) -> None:
        """Make the server's subscriptions equal to the wanted ones. An idle connection keeps its last
        channel: redis-py cannot read from one without any."""
        self._changed.clear()
        wanted = set(self._callbacks)
        if new := wanted - self._followed:
            self._followed |= new
            await pubsub.subscribe(*new)
            for channel in new:
                self._call(channel, "")
        if wanted and (gone := self._followed - wanted):
            self._followed -= gone
            await pubsub.unsubscribe(*gone)

    def _call(self, channel: str, payload: str) -> None:
        for callback in list(self._callbacks.get(channel, ())):
            callback(payload)
