"""GraphQL over server-sent events, distinct connections mode: each request is answered by a stream of its own.

The results are `next` events, and `complete` ends them. An event's id is the message's cursor in the log: a client
that reconnects sends it as Last-Event-ID and goes on behind it. What is wrong with the request itself is answered
with a status and JSON; what is wrong with the operation is a `next` event, as the protocol asks.
"""

import asyncio
from time import perf_counter

from graphql import OperationType

from domain.context import Actor
from domain.errors import UnauthenticatedError
from domain.identity.revocation import Revocation
from graph import envelope, media
from graph.answers import (
    NOSNIFF,
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
from graph.event_stream import EventStream
from graph.headers import bearer, caller_of, check_body_headers, merged, unauthenticated
from graph.operations import Caller, OperationRequest
from graph.preparing import RefusedError
from graph.requests import ClientGoneError, Requests
from runtime import metrics
from runtime.settings import Settings

PATH = "/graphql/stream"
ALLOW = b"GET, POST, OPTIONS"
HEADERS: tuple[Header, ...] = (
    (b"content-type", media.EVENT_STREAM + b"; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
    NOSNIFF,
)


class GraphQLOverSSE:
    """The handler of /graphql/stream, and all its open streams."""

    def __init__(self, platform: Platform, settings: Settings) -> None:
        self._platform = platform
        self._settings = settings
        self._requests = Requests(settings)
        self._cors = Cors(settings)
        self._open: set[EventStream] = set()
        self._revocations = 0
        self._stop_listening = platform.authenticator.on_revoked(self._revoked)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = dict(scope["headers"])
        method: str = scope["method"]
        identifier = request_id(headers)
        extra: tuple[Header, ...] = ()
        revocations = self._revocations
        try:
            if method == "OPTIONS":
                answer = [*self._cors.preflight(headers, ALLOW), *trace_headers(identifier, started)]
                return await _answer(send, method, 204, answer, b"", started)
            if len(headers) != len(scope["headers"]):
                headers = merged(scope["headers"])
            request = await self._request(scope, headers, receive)
            caller, token = await self._caller(scope, headers, identifier)
            if method == "GET":
                await self._check_get(request, caller)
        except EnvelopeError as error:
            status, body, extra = error.status, error_body(str(error), error.code), error.headers
        except ClientGoneError:
            return
        except Exception as error:
            message, made = masked(error, route=PATH)
            status, body = 500, error_body(message, "INTERNAL", errorId=made)
        else:
            answer = [*HEADERS, *trace_headers(identifier, started), *self._cors.headers(headers)]
            await send({"type": "http.response.start", "status": 200, "headers": answer})
            metrics.REQUESTS.observe(PATH, method, 200, perf_counter() - started)
            stream = EventStream(self._platform, self._settings, scope, receive, send, caller, token)
            await self._run(stream, request, in_doubt=revocations != self._revocations)
            return
        answer = [*json_headers(body), *trace_headers(identifier, started), *extra, *self._cors.headers(headers)]
        await _answer(send, method, status, answer, body, started)

    async def close(self) -> None:
        """Ends every stream, because the server stops."""
        self._stop_listening()
        streams = list(self._open)
        for stream in streams:
            stream.stop()
        await asyncio.gather(*(stream.ended.wait() for stream in streams))

    async def _run(self, stream: EventStream, request: OperationRequest, *, in_doubt: bool) -> None:
        self._open.add(stream)
        metrics.STREAMS.inc()
        try:
            if in_doubt:
                stream.ask_again()
            await stream.run(request)
        finally:
            self._open.discard(stream)
            metrics.STREAMS.dec()

    def _revoked(self, revocation: Revocation) -> None:
        self._revocations += 1
        for stream in self._open:
            stream.revoked(revocation)

    async def _request(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> OperationRequest:
        method: str = scope["method"]
        if method not in ("GET", "POST"):
            message = f"{method[:20]} is not a method of {PATH}; use POST or GET."
            raise EnvelopeError(message, 405, "METHOD_NOT_ALLOWED", ((b"allow", ALLOW),))
        if media.quality(headers.get(b"accept", b""), media.EVENT_STREAM) <= 0:
            message = "Only text/event-stream is served here; accept it, or send the operation to /graphql."
            raise EnvelopeError(message, 406, "NOT_ACCEPTABLE")
        if method == "POST":
            check_body_headers(headers)
            return envelope.from_body(await self._requests.body(scope, headers, receive))
        return self._requests.from_url(scope)

    async def _check_get(self, request: OperationRequest, caller: Caller) -> None:
        try:
            kind = (await self._platform.engine.open(request, caller)).kind
        except RefusedError:
            return  # the stream says why
        if kind is OperationType.MUTATION:
            message = "A GET cannot run a mutation, because others may repeat it; send it by POST."
            raise EnvelopeError(message, 405, "METHOD_NOT_ALLOWED", ((b"allow", b"POST"),))

    async def _caller(self, scope: Scope, headers: dict[bytes, bytes], identifier: str) -> tuple[Caller, str | None]:
        token: str | None = None
        actor: Actor | None = None
        if b"authorization" in headers:
            token = bearer(headers[b"authorization"])
            try:
                actor = await self._platform.authenticator.actor(token)
            except UnauthenticatedError as error:
                raise unauthenticated(str(error), b"invalid_token") from None
        last = headers.get(b"last-event-id", b"").decode("latin-1")
        return caller_of(scope, headers, actor, identifier)._replace(last_event_id=last), token


async def _answer(send: Send, method: str, status: int, headers: list[Header], body: bytes, started: float) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body if method != "HEAD" else b""})
    known = method if method in ("GET", "POST", "OPTIONS") else "other"
    metrics.REQUESTS.observe(PATH, known, status, perf_counter() - started)
