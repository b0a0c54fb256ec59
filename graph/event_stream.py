"""One stream of server-sent events, from its first byte to its end.

Memory is bounded: a result is made when the one before was taken by the transport, and a client that takes nothing
for long is dropped.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import orjson
from graphql import OperationType

from domain.errors import ForbiddenError, OperationError, UnauthenticatedError
from domain.events.errors import ShutdownError, SlowConsumerError
from domain.identity.revocation import Revocation
from graph.answers import Receive, Scope, Send
from graph.context import Platform
from graph.errors import to_error
from graph.operations import Caller, OperationRequest, Outcome
from graph.preparing import RefusedError
from graph.standing import EXPIRED, UnknownStandingError, seconds_left, still_standing
from runtime import metrics
from runtime.logging import get_logger
from runtime.protocols import CONNECTION
from runtime.settings import Settings

OPENING = b"retry: 1000\n\n"  # a lost connection is tried again after a second
KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
RESTARTS = b": The server restarts; connect again.\n\n"
LAST_SECONDS = 1.0  # what a client gets to take the last event

log = get_logger("opsgraph.streams")


def next_event(outcome: Outcome) -> bytes:
    """A result as an event. JSON has line breaks between its tokens only, where a space does as well."""
    body = outcome.body
    if b"\n" in body or b"\r" in body:
        body = body.replace(b"\r", b" ").replace(b"\n", b" ")
    if outcome.cursor:
        return b"id: %b\nevent: next\ndata: %b\n\n" % (outcome.cursor.encode(), body)
    return b"event: next\ndata: %b\n\n" % body


def error_event(error: OperationError) -> bytes:
    return next_event(Outcome(orjson.dumps({"errors": [to_error(error)]})))


class EventStream:
    """Sends one operation's results. The response has been started; `run` sends its body."""

    def __init__(
        self,
        platform: Platform,
        settings: Settings,
        scope: Scope,
        receive: Receive,
        send: Send,
        caller: Caller,
        token: str | None,
    ) -> None:
        self.ended = asyncio.Event()
        self._platform = platform
        self._settings = settings
        self._receive = receive
        self._transport_send = send
        self._caller = caller
        self._token = token
        self._loop = asyncio.get_running_loop()
        self._connection = scope.get("extensions", {}).get(CONNECTION)
        self._over: asyncio.Future[bytes | None] = self._loop.create_future()
        self._asking: set[asyncio.Task[None]] = set()
        self._last_sent = self._loop.time()
        self._sending = False

    async def run(self, request: OperationRequest) -> None:
        """Send results until the operation, the client, the token or the server ends; then nothing is left."""
        timers: list[asyncio.TimerHandle] = []
        if self._token is not None:
            timers.append(self._loop.call_later(seconds_left(self._token), self._expired))
        if self._connection is not None:
            self._connection.on_stop = self.stop
        work = [self._task(self._operate(request)), self._task(self._hear_the_client()), self._task(self._keep_alive())]
        try:
            last = await self._over
            await self._cancel(work)
            if last is not None:
                async with asyncio.timeout(LAST_SECONDS):
                    await self._transport_send({"type": "http.response.body", "body": last})
        except TimeoutError:
            self._drop()
        finally:
            for timer in timers:
                timer.cancel()
            if self._connection is not None:
                self._connection.on_stop = None
            await self._cancel([*work, *self._asking])
            self.ended.set()

    def stop(self) -> None:
        """The server stops: end without `complete`, so that the client connects again."""
        self._end(RESTARTS)

    def revoked(self, revocation: Revocation) -> None:
        """Something about sessions or permissions changed; ask again when it concerns this stream."""
        if self._caller.actor is not None and revocation.concerns(self._caller.actor):
            self.ask_again()

    def ask_again(self) -> None:
        """Find out whether the token still stands, and end the stream if it does not."""
        if self._token is not None:
            task = self._task(self._ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _ask(self) -> None:
        assert self._token is not None
        assert self._caller.actor is not None
        try:
            await still_standing(self._platform.authenticator, self._token, self._caller.actor)
        except (UnauthenticatedError, ForbiddenError) as error:
            self._end(error_event(error) + COMPLETE)
        except UnknownStandingError as error:
            self._end(f": {error}\n\n".encode())

    def _expired(self) -> None:
        self._end(error_event(UnauthenticatedError(EXPIRED)) + COMPLETE)

    def _end(self, last: bytes | None) -> None:
        """`last` is sent as the end of the body; None: there is nobody to send it to."""
        if not self._over.done():
            self._over.set_result(last)

    async def _operate(self, request: OperationRequest) -> None:
        try:
            await self._send(OPENING)
            await self._results(request)
        except (SlowConsumerError, ShutdownError) as error:
            return self._end(f": {error}\n\n".encode())  # without `complete`, so that the client connects again
        except Exception as error:
            outcome = Outcome(orjson.dumps({"errors": [to_error(error)]}))
            await self._send(next_event(outcome))
        self._end(COMPLETE)

    async def _results(self, request: OperationRequest) -> None:
        engine = self._platform.engine
        try:
            kind = (await engine.open(request, self._caller)).kind
        except RefusedError as refused:
            await self._send(next_event(refused.outcome))
            return
        if kind is not OperationType.SUBSCRIPTION:
            await self._send(next_event(await engine.execute(request, self._caller)))
            return
        results = engine.subscribe(request, self._caller)
        metrics.SUBSCRIPTIONS.inc()
        try:
            async for outcome in results:
                await self._send(next_event(outcome))
        finally:
            metrics.SUBSCRIPTIONS.dec()
            await results.aclose()

    async def _hear_the_client(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(None)

    async def _keep_alive(self) -> None:
        pause = self._settings.stream_keepalive_seconds
        while True:
            await asyncio.sleep(self._last_sent + pause - self._loop.time())
            if not self._sending and self._loop.time() >= self._last_sent + pause:
                await self._send(KEEP_ALIVE)

    async def _send(self, part: bytes) -> None:
        """Send whole events and wait until the transport takes more; drops a client that takes nothing."""
        timeout = self._loop.call_later(self._settings.socket_send_seconds, self._drop)
        self._sending = True
        try:
            await self._transport_send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            timeout.cancel()
            self._sending = False
            self._last_sent = self._loop.time()

    def _drop(self) -> None:
        log.warning("slow client dropped", request_id=self._caller.request_id)
        if self._connection is not None:
            self._connection.abort()
        self._end(None)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._loop.create_task(work)

    @staticmethod
    async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
