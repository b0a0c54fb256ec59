"""Reading a request over bare ASGI: its headers, its body within limits of size and time, its caller."""

import asyncio
import re
from collections import Counter
from functools import lru_cache
from time import monotonic
from typing import Any

from db.idempotency import LONGEST_KEY
from domain.context import Actor
from graph import envelope, media
from graph.answers import Header, Receive, Scope
from graph.envelope import EnvelopeError
from graph.operations import Caller, OperationRequest
from runtime.exchange import EXCHANGE
from runtime.settings import Settings

# Headers that must be unambiguous: two of them mean that someone between us and the client reads another one.
SINGLE = {
    b"content-type",
    b"authorization",
    b"content-length",
    b"content-encoding",
    b"last-event-id",
    b"idempotency-key",
}
# Of a body that is too large we still read this many times the limit, so that the client sees our answer.
DRAIN = 8
KEY = re.compile(rb"[\x21-\x7e]{1,%d}" % LONGEST_KEY)
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


def merged(raw: list[Header]) -> dict[bytes, bytes]:
    """The headers with lists joined, or a refusal when one that must be single is there twice."""
    counts = Counter(name for name, _ in raw)
    for name in SINGLE:
        if counts[name] > 1:
            raise EnvelopeError(f"The header {name.decode().title()} is there {counts[name]} times; send it once.")
    merged: dict[bytes, bytes] = {}
    for name, value in raw:
        merged[name] = merged[name] + b", " + value if name in merged else value
    return merged


def check_body_headers(headers: dict[bytes, bytes]) -> None:
    content_type = headers.get(b"content-type")
    if content_type is None:
        problem: str | None = "The Content-Type is missing; it must be application/json."
    elif content_type == media.JSON:
        problem = None
    else:
        problem = media.problem_of_content_type(content_type)
    if problem is None and headers.get(b"content-encoding", b"identity").lower() != b"identity":
        problem = "A compressed body cannot be read; send it without Content-Encoding."
    if problem is not None:
        raise EnvelopeError(problem, 415, "UNSUPPORTED_MEDIA_TYPE", ((b"accept-post", media.JSON),))


def bearer(header: bytes) -> str:
    """The access token of an Authorization header."""
    scheme, _, rest = header.partition(b" ")
    if scheme != b"Bearer" and scheme.lower() != b"bearer":
        rest = b""
    try:
        token = rest.strip().decode("ascii")
    except UnicodeDecodeError:
        token = ""
    if not token:
        raise unauthenticated("The Authorization header must read 'Bearer <access token>'.", b"invalid_request")
    return token


def caller_of(scope: Scope, headers: dict[bytes, bytes], actor: Actor | None, identifier: str) -> Caller:
    # The answer to a GET may be kept and compared, so what is left is not in it unless it was asked for.
    tells = True if headers.get(b"x-cost") == b"1" else False if scope.get("method") == "GET" else None
    client = scope.get("client")
    agent, device = headers.get(b"user-agent"), headers.get(b"x-device-id")
    keyed = b"idempotency-key" in headers and scope.get("method") == "POST"
    return Caller(
        actor,
        client[0] if client else "",
        agent[:400].decode("latin-1") if agent else "",
        device[:100].decode("latin-1") if device else "",
        identifier,
        "",
        tells,
        idempotency_key=_key(headers[b"idempotency-key"]) if keyed else "",
    )


def _key(header: bytes) -> str:
    if KEY.fullmatch(header) is None:
        raise EnvelopeError(
            f"The Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters without spaces; a random UUID "
            "for each thing to be done is a good one."
        )
    return header.decode()


def unauthenticated(message: str, error: bytes) -> EnvelopeError:
    challenge = (b"www-authenticate", b'Bearer error="' + error + b'"')
    return EnvelopeError(message, 401, "UNAUTHENTICATED", (challenge,))
