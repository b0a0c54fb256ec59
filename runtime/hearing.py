"""Hearing hints for certain: one pub/sub connection that can be asked whether everything said so far was heard.

Redis sends what is published and the answers to a connection's commands in one order. So when a PING that was sent
now is answered, every hint that Redis took before has arrived here, and a connection that swallows hints answers no
PING. Requests that ask at the same time share one.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from redis.asyncio import Redis

from runtime.hints import ERRORS, Reconnecting
from runtime.logging import get_logger

CONNECT_SECONDS = 2.0
# A PING that is not answered within this means that Redis cannot be relied on.
ANSWER_SECONDS = 0.25
ALWAYS = "opsgraph:commits"  # a connection that follows nothing is not in the mode that tells PONG from hints

log = get_logger(__name__)


class Hearing(Reconnecting):
    """`on_hint` gets channel and payload of each hint; `on_gap` is called whenever some may have been missed."""

    def __init__(self, redis: Redis, on_hint: Callable[[str, str], None], on_gap: Callable[[], None]) -> None:
        self._redis = redis
        self._on_hint = on_hint
        self._on_gap = on_gap
        self._channels: set[str] = {ALWAYS}
        self._connection: Any = None
        self._commands: list[bytes] = []
        self._sending = False
        self._asked: asyncio.Future[bool] | None = None  # by a PING that is under way
        self._asking: asyncio.Future[bool] | None = None  # by the next one
        self._deadline: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, *channels: str) -> None:
        """Follow these from the next `heard()` on."""
        self._channels.update(channels)
        self._command("SUBSCRIBE", *channels)

    def unfollow(self, *channels: str) -> None:
        self._channels.difference_update(channels)
        self._command("UNSUBSCRIBE", *channels)

    async def heard(self) -> bool:
        """Whether every hint about the followed channels that Redis took before this call has been heard."""
        if self._connection is None:
            return False
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_future()
        asking = self._asking
        if self._asked is None:
            self._ask()
        if not self._sending:
            await self._send()
        return await asyncio.shield(asking)

    async def _listen(self) -> None:
        pool: Any = self._redis.connection_pool
        connection = pool.make_connection()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
                subscribe = connection.pack_command("SUBSCRIBE", *self._channels)
                await connection.send_packed_command(subscribe, check_health=False)
                await connection.read_response()
            self._commands.clear()
            self._connection, self.connected = connection, True
            self._command("SUBSCRIBE", *self._channels)  # those that were added while it connected
            await self._send()
            while True:
                self._take(await connection.read_response())
        finally:
            self._lose()
            with contextlib.suppress(*ERRORS):
                await connection.disconnect(nowait=True)

    def _take(self, message: Any) -> None:
        kind, *rest = message if isinstance(message, list) else [message]
        if kind == "message":
            self._on_hint(*rest)
        elif kind.lower() == "pong":
            self._answered()

    def _answered(self) -> None:
        asked, self._asked = self._asked, None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if asked is not None and not asked.done():
            asked.set_result(True)
        if self._asking is not None:
            self._ask()
            self._spawn(self._send())

    def _ask(self) -> None:
        self._asked, self._asking = self._asking, None
        self._command("PING")
        self._deadline = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._late)

    def _late(self) -> None:
        connection = self._connection
        log.warning("hints do not arrive")
        self._lose()
        if connection is not None:
            self._spawn(connection.disconnect(nowait=True))  # ends the reading

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _command(self, *words: str) -> None:
        if self._connection is not None:
            self._commands += self._connection.pack_command(*words)

    async def _send(self) -> None:
        if self._sending:
            return
        self._sending = True
        try:
            while self._commands and self._connection is not None:
                commands, self._commands = self._commands, []
                await self._connection.send_packed_command(commands, check_health=False)
        except ERRORS:
            self._lose()
        finally:
            self._sending = False

    def _lose(self) -> None:
        """The connection is of no use: nobody waits for it any longer, and whoever relied on hints is told."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        waiting, self._asked, self._asking = (self._asked, self._asking), None, None
        if self._connection is not None:
            self._connection = None
            self._on_gap()
        for future in waiting:
            if future is not None and not future.done():
                future.set_result(False)
