"""Hearing PostgreSQL notifications on a connection of our own, and knowing when we may have missed one."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from time import monotonic
from typing import TypeAlias

import asyncpg

from db.rls import SYSTEM_ROLE
from runtime.logging import get_logger
from runtime.settings import Settings
from runtime.tasks import within

BEAT_SECONDS = 1.0
# Without an answer to a beat for this long, notifications may be getting lost and nobody may rely on them.
LEASE_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

log = get_logger(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Listener:
    """Listens on one channel for as long as the process lives and reconnects by itself.

    `reliable()` holds only while our own beats come back through NOTIFY. So a dead connection, a network that
    swallows packets and a pooler that cannot LISTEN all end it within LEASE_SECONDS, and `on_gap` is called
    whenever messages may have been missed.
    """

    def __init__(
        self, settings: Settings, channel: str, on_message: Callable[[str], None], on_gap: Callable[[], None]
    ) -> None:
        self._url = settings.database_url
        self._channel = channel
        self._beats = f"{channel}_{secrets.token_hex(8)}"
        self._on_message = on_message
        self._on_gap = on_gap
        self._lease = 0.0
        self._pause = FIRST_PAUSE
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    def reliable(self) -> bool:
        return monotonic() < self._lease

    async def start(self) -> None:
        """Begin to listen; returns when the first beat came back or after LEASE_SECONDS without one."""
        self._task = asyncio.create_task(self._run(), name=f"listen {self._channel}")
        await within(LEASE_SECONDS, self._heard)

    async def close(self) -> None:
        # A cancellation that arrives together with an answer can get lost in the driver; the flag cannot.
        self._closed = True
        self._lease = 0.0
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while not self._closed:
            try:
                await self._listen()
            except Exception as error:
                # Whatever ends a connection, the remedy is the same: say that there is a gap and connect again.
                log.warning("not listening", channel=self._channel, error=repr(error), retry_in=self._pause)
            self._lose()
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    async def _listen(self) -> None:
        connection: Connection = await asyncpg.connect(
            self._url,
            timeout=LEASE_SECONDS,
            server_settings={"role": SYSTEM_ROLE, "application_name": "opsgraph-listen"},
        )
        try:
            connection.add_termination_listener(lambda _connection: self._lose())
            await connection.add_listener(self._channel, lambda _c, _pid, _channel, text: self._on_message(str(text)))
            await connection.add_listener(self._beats, lambda _c, _pid, _channel, text: self._hear(str(text)))
            while not self._closed:
                self._heard.clear()
                sent = str(monotonic())
                await connection.execute("SELECT pg_notify($1, $2)", self._beats, sent, timeout=LEASE_SECONDS)
                async with asyncio.timeout(LEASE_SECONDS):
                    await self._heard.wait()
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)
            connection.terminate()

    def _hear(self, sent: str) -> None:
        """The lease counts from when the beat was sent: everything notified before that has arrived."""
        self._lease = float(sent) + LEASE_SECONDS
        self._pause = FIRST_PAUSE
        self._heard.set()

    def _lose(self) -> None:
        if self._lease:
            self._lease = 0.0
            self._on_gap()
