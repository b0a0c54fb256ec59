"""GraphQL over HTTP as a bare ASGI handler: nothing between the socket and the engine that costs time.

It follows the GraphQL-over-HTTP draft: application/graphql-response+json has real status codes,
application/json is 200 for every well-formed GraphQL request. What is malformed gets a 4xx and a sentence.
"""

import asyncio
from collections import Counter
from time import monotonic, perf_counter
from typing import Any

from graphql import OperationType

from domain.context import Actor
from domain.errors import UnauthenticatedError
from graph import envelope, media
from graph.answers import (
    CONTENT_TYPES,
    NO_STORE,
    NOSNIFF,
    VARY_ACCEPT,
    Cors,
    Header,
    Receive,
    Scope,
    Send,
    error_body,
    json_headers,
    request_id,
    trace_headers,
)
from graph.context import Platform
from graph.envelope import EnvelopeError
from graph.errors import masked
from graph.operations import Caller, OperationRequest, Outcome
from graph.preparing import RefusedError
from runtime import metrics
from runtime.settings import Settings

ALLOW = b"GET, POST, OPTIONS"
# Headers that must be unambiguous: two of them mean that someone between us and the client reads another one.
SINGLE = {b"content-type", b"authorization", b"content-length", b"content-encoding"}
# Of a body that is too large we still read this many times the limit, so that the client sees our answer.
DRAIN = 8
CLOSE: tuple[Header, ...] = ((b"connection", b"close"),)


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class GraphQLOverHTTP:
    """The handler of /graphql."""

    def __init__(self, platform: Platform, settings: Settings) -> None:
        self._platform = platform
        self._limit = settings.max_body_bytes
        self._deadlines = Deadlines(settings.request_timeout_seconds)
        self._cors = Cors(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        raw: list[Header] = scope["headers"]
        headers = dict(raw)
        method: str = scope["method"]
        identifier = request_id(headers)
        answer_type = media.JSON
        extra: tuple[Header, ...] = ()
        try:
            if len(headers) != len(raw):
                headers = _merged(raw)
            if method == "POST":
                answer_type = _negotiated(headers)
                _check_body_headers(headers)
                request = envelope.from_body(await self._body(headers, receive))
            elif method == "GET":
                answer_type = _negotiated(headers)
                request = self._from_url(scope)
            else:
                return await self._other_method(method, headers, send, identifier, started)
            actor = await self._actor(headers[b"authorization"]) if b"authorization" in headers else None
            caller = caller_of(scope, headers, actor, identifier)
            outcome = (method == "GET" and await self._refused_by_get(request, caller)) or (
                await self._platform.engine.execute(request, caller)
            )
            # Whoever counts requests between us and the client must see that this one was one too many.
            status = outcome.status if answer_type is media.GRAPHQL_JSON or outcome.status == 429 else 200
            body, extra = outcome.body, outcome.headers
        except EnvelopeError as error:
            status, body = error.status, error_body(str(error), error.code)
            extra = error.headers
        except ClientGoneError:
            return None
        except Exception as error:
            message, made = masked(error, route="/graphql")
            status, body = 500, error_body(message, "INTERNAL", errorId=made)
        answer = [
            CONTENT_TYPES[answer_type],
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", identifier.encode()),
            (b"x-process-time", b"%.6f" % (perf_counter() - started)),
            VARY_ACCEPT,
            NOSNIFF,
            NO_STORE,
            *extra,
        ]
        if b"origin" in headers:
            answer += self._cors.headers(headers)
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": body})
        metrics.REQUESTS.observe("/graphql", method, status, perf_counter() - started)

    def _from_url(self, scope: Scope) -> OperationRequest:
        query_string: bytes = scope.get("query_string", b"")
        if len(query_string) > self._limit:
            raise EnvelopeError("The URL is too long; send the operation by POST.", 414, "URI_TOO_LONG")
        return envelope.from_query_string(query_string)

    async def _refused_by_get(self, request: OperationRequest, caller: Caller) -> Outcome | None:
        """The answer to a GET that cannot be prepared; raises when it holds something other than a query."""
        try:
            kind = (await self._platform.engine.open(request, caller)).kind
        except RefusedError as refused:
            return refused.outcome
        if kind is OperationType.QUERY:
            return None
        other = "POST" if kind is OperationType.MUTATION else "WebSocket"
        raise EnvelopeError(
            f"A GET can only run a query, and this is a {kind.value}; send it by {other}.",
            405,
            "METHOD_NOT_ALLOWED",
            ((b"allow", b"POST"),),
        )

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
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

    async def _actor(self, header: bytes) -> Actor:
        scheme, _, rest = header.partition(b" ")
        token = rest.strip()
        if scheme.lower() != b"bearer" or not token or not token.isascii():
            raise _unauthenticated("The Authorization header must read 'Bearer <access token>'.", b"invalid_request")
        text = token.decode("ascii")
        authenticator = self._platform.authenticator
        try:
            return authenticator.cached(text) or await authenticator.actor(text)
        except UnauthenticatedError as error:
            raise _unauthenticated(str(error), b"invalid_token") from None

    async def _other_method(
        self, method: str, headers: dict[bytes, bytes], send: Send, identifier: str, started: float
    ) -> None:
        body, status = b"", 204
        answer = self._cors.preflight(headers, ALLOW)
        if method != "OPTIONS":
            status = 405
            body = error_body(
                f"{method[:20]} is not a method of /graphql; use POST, or GET for queries.",
                "METHOD_NOT_ALLOWED",
            )
            answer += json_headers(body)
        answer += trace_headers(identifier, started)
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": body if method != "HEAD" else b""})
        known = "OPTIONS" if status == 204 else "other"
        metrics.REQUESTS.observe("/graphql", known, status, perf_counter() - started)


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


def _merged(raw: list[Header]) -> dict[bytes, bytes]:
    """The headers with lists joined, or a refusal when one that must be single is there twice."""
    counts = Counter(name for name, _ in raw)
    for name in SINGLE:
        if counts[name] > 1:
            raise EnvelopeError(f"The header {name.decode().title()} is there {counts[name]} times; send it once.")
    merged: dict[bytes, bytes] = {}
    for name, value in raw:
        merged[name] = merged[name] + b", " + value if name in merged else value
    return merged


def _negotiated(headers: dict[bytes, bytes]) -> bytes:
    accept = headers.get(b"accept")
    if accept is None or accept == b"*/*":
        return media.JSON
    chosen = media.negotiate(accept)
    if chosen is None:
        raise EnvelopeError(
            f"None of the types in the Accept header can be served; accept {media.OFFERED}.",
            406,
            "NOT_ACCEPTABLE",
        )
    return chosen


def _check_body_headers(headers: dict[bytes, bytes]) -> None:
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


def caller_of(scope: Scope, headers: dict[bytes, bytes], actor: Actor | None, identifier: str) -> Caller:
    client = scope.get("client")
    return Caller(
        actor,
        client[0] if client else "",
        headers.get(b"user-agent", b"")[:400].decode("latin-1"),
        headers.get(b"x-device-id", b"")[:100].decode("latin-1"),
        identifier,
        headers.get(b"x-cost") == b"1",
    )


def _unauthenticated(message: str, error: bytes) -> EnvelopeError:
    challenge = (b"www-authenticate", b'Bearer error="' + error + b'"')
    return EnvelopeError(message, 401, "UNAUTHENTICATED", (challenge,))
