"""Reading the operation of a request over bare ASGI: its URL, or its body within limits of size and time."""

import asyncio
from functools import lru_cache
from time import monotonic
from typing import Any

from graph import envelope
from graph.answers import Header, Receive, Scope
from graph.envelope import EnvelopeError
from graph.operations import OperationRequest
from runtime.exchange import EXCHANGE
from runtime.settings import Settings

# Of a body that is too large we still read this many times the limit, so that the client sees our answer.
DRAIN = 8
CLOSE: tuple[Header, ...] = ((b"connection", b"close"),)


# Dashboards ask for the same URL again and again, and to read one takes a tenth of a millisecond.
KEPT_BYTES, KEPT_URLS = 4_096, 256


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


@lru_cache(maxsize=KEPT_URLS)
def _kept(query_string: bytes) -> OperationRequest:
    """The operation of a GET. Nobody changes its variables: they are coerced into others."""
    return envelope.from_query_string(query_string)


class Requests:
    """Reads requests within the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_body_bytes
        self._deadlines = Deadlines(settings.request_timeout_seconds)

    def from_url(self, scope: Scope) -> OperationRequest:
        """The operation of a GET."""
        query_string: bytes = scope.get("query_string", b"")
        if len(query_string) > self._limit:
            raise EnvelopeError("The URL is too long; send the operation by POST.", 414, "URI_TOO_LONG")
        return _kept(query_string) if len(query_string) <= KEPT_BYTES else envelope.from_query_string(query_string)

    async def body(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The body of a POST. Raises ClientGoneError when the client left before it was complete."""
        exchange = scope.get("extensions", {}).get(EXCHANGE)
        arrived: bytes | None = exchange.arrived() if exchange is not None else None
        if arrived is None:
            return await self._awaited(headers, receive)
        if len(arrived) > self._limit:
            raise self._too_large()
        return arrived

    async def _awaited(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        declared = headers.get(b"content-length", b"")
        # Python refuses to read integers of thousands of digits; nothing that long is a length.
        if len(declared) > 15 or (declared.isdigit() and int(declared) > self._limit * DRAIN):
            raise self._too_large()
        task = self._deadlines.begin()
        try:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            body: bytes = message.get("body", b"")
            if message.get("more_body", False):
                body = await self._rest(body, receive)
        except asyncio.CancelledError:
            if not self._deadlines.missed(task):
                raise
            raise EnvelopeError(
                f"The request body did not arrive within {self._deadlines.seconds:g} s; send as many bytes as "
                "Content-Length says.",
                408,
                "REQUEST_TIMEOUT",
                CLOSE,
            ) from None
        finally:
            self._deadlines.end(task)
        if len(body) > self._limit:
            raise self._too_large()
        return body

    async def _rest(self, body: bytes, receive: Receive) -> bytes:
        parts, size = [body], len(body)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part = message.get("body", b"")
            size += len(part)
            if size <= self._limit:
                parts.append(part)
            elif size > self._limit * DRAIN:
                raise self._too_large()
            if not message.get("more_body", False):
                break
        if size > self._limit:
            raise self._too_large()
        return b"".join(parts)

    def _too_large(self) -> EnvelopeError:
        return EnvelopeError(
            f"The request body is larger than {self._limit} bytes; send less at once.",
            413,
            "PAYLOAD_TOO_LARGE",
            CLOSE,
        )


class Deadlines:
    """Cancels tasks that wait too long for a body. One timer looks at all of them every second, because a timer
    for each request would cost more than reading it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._missed: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[Any]:
        """The clock starts for the current task, which must call `end`."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = monotonic()
        if self._timer is None:
            self._look_later()
        return task

    def end(self, task: asyncio.Task[Any]) -> None:
        self._waiting.pop(task, None)

    def missed(self, task: asyncio.Task[Any]) -> bool:
        """Whether the cancellation that `task` just got came from here; it then goes on."""
        if task not in self._missed:
            return False
        self._missed.discard(task)
        task.uncancel()
        return True

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(min(1.0, self.seconds), self._look)

    def _look(self) -> None:
        self._timer = None
        latest = monotonic() - self.seconds
        for task in [task for task, began in self._waiting.items() if began < latest]:
            del self._waiting[task]
            self._missed.add(task)
            task.cancel()
        if self._waiting:
            self._look_later()
