"""GraphQL over HTTP as a bare ASGI handler: nothing between the socket and the engine that costs time.

It follows the GraphQL-over-HTTP draft: application/graphql-response+json has real status codes,
application/json is 200 for every well-formed GraphQL request. What is malformed gets a 4xx and a sentence.
"""

from time import perf_counter

import orjson
from graphql import OperationType

from domain.context import Actor
from domain.errors import UnauthenticatedError
from graph import envelope, media
from graph.answers import (
    CONTENT_TYPES,
    NO_STORE,
    NOSNIFF,
    Cors,
    Header,
    Receive,
    Scope,
    Send,
    entity_tag,
    error_body,
    is_known,
    json_headers,
    request_id,
    trace_headers,
)
from graph.batches import Batches
from graph.context import Platform
from graph.encoding import STREAMED_ABOVE, chosen, compressed, send_compressed
from graph.envelope import BatchError, EnvelopeError
from graph.errors import status_of, to_error
from graph.headers import Said, caller_of, said_in, unauthenticated
from graph.operations import Caller, OperationRequest, Outcome
from graph.pages import Page
from graph.preparing import RefusedError
from graph.requests import ClientGoneError, Requests
from graph.versions import Condition
from runtime import metrics
from runtime.exchange import EXCHANGE, Exchange
from runtime.settings import Settings

ALLOW = b"GET, POST, OPTIONS"
# A vary header names what an answer depends on besides its address.
VARY: Header = (b"vary", b"accept, accept-encoding, authorization")
# Statuses that every client gets, also those that want 200 whatever the answer says.
PLAIN = (304, 429)
CACHE_NOTHING: tuple[Header, ...] = (VARY, NO_STORE)
CACHE_CHECKED: tuple[Header, ...] = (VARY, (b"cache-control", b"private, no-cache"))
# The head of an ordinary answer, but for the request's id, the time and the length.
HEADS = {
    media: b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"%b: %b\r\n" % header for header in (content_type, NOSNIFF, *CACHE_NOTHING))
    + b"x-request-id: %b\r\nx-process-time: %.6f\r\ncontent-length: %d\r\n"
    for media, content_type in CONTENT_TYPES.items()
}


class GraphQLOverHTTP:
    """The handler of /graphql."""

    def __init__(self, platform: Platform, settings: Settings, page: Page | None = None) -> None:
        self._platform = platform
        self._page = page
        self._requests = Requests(settings)
        self._batches = Batches(platform)
        self._cors = Cors(settings)
        self._compress = settings.compress_above_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        exchange: Exchange | None = scope.get("extensions", {}).get(EXCHANGE)
        said = said_in(scope, exchange.head if exchange is not None else None)
        headers, answer_type, caching = said.headers, said.answer_type, CACHE_NOTHING
        method: str = scope["method"]
        identifier = request_id(headers)
        if method != "POST" and (method != "GET" or self._wants_page(headers)):
            return await self._other_method(method, headers, send, identifier, started)
        try:
            if said.refusal is not None:
                raise said.refusal
            request = await self._request(scope, headers, receive)
            actor = await self._actor(said.token) if said.token is not None else None
            caller = caller_of(scope, headers, actor, identifier)
            if isinstance(request, list):
                outcome = await self._batches.execute(request, caller)
            elif method == "GET":
                outcome = await self._get(request, caller, answer_type, headers.get(b"if-none-match"))
            else:
                outcome = await self._platform.engine.execute(request, caller)
            # Whoever counts requests between us and the client must see that this one was one too many.
            status = outcome.status if answer_type is media.GRAPHQL_JSON or outcome.status in PLAIN else 200
            body, caching = outcome.body, _caching(outcome) if outcome.headers else CACHE_NOTHING
        except EnvelopeError as error:
            status, body = error.status, error_body(str(error), error.code)
            caching = (*CACHE_NOTHING, *error.headers)
        except ClientGoneError:
            return None
        except Exception as error:
            told = to_error(error)
            status, body = status_of([told]), orjson.dumps({"errors": [told]})
        ordinary = status == 200 and method == "POST" and caching is CACHE_NOTHING
        if ordinary and exchange is not None and self._at_once(exchange, said, identifier, started, body):
            metrics.REQUESTS.observe("/graphql", "POST", 200, perf_counter() - started)
            return None
        answer = [
            CONTENT_TYPES[answer_type],
            (b"x-request-id", identifier.encode()),
            (b"x-process-time", b"%.6f" % (perf_counter() - started)),
            NOSNIFF,
            *caching,
        ]
        if b"origin" in headers:
            answer += self._cors.headers(headers)
        await self._send(send, headers, status, answer, body)
        metrics.REQUESTS.observe("/graphql", method, status, perf_counter() - started)

    def _at_once(self, exchange: Exchange, said: Said, identifier: str, started: float, body: bytes) -> bool:
        """Sends the answer to an ordinary POST by the short way, when nothing about it depends on the client."""
        headers = said.headers
        if b"origin" in headers or (len(body) > self._compress and b"accept-encoding" in headers):
            return False
        head = HEADS[said.answer_type] % (identifier.encode(), perf_counter() - started, len(body))
        return exchange.answer(head, body)

    async def _request(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> OperationRequest | list[OperationRequest]:
        if scope["method"] == "GET":
            return self._requests.from_url(scope)
        try:
            return envelope.from_body(await self._requests.body(scope, headers, receive))
        except BatchError as batch:
            if not self._batches:
                raise
            return self._batches.read(batch.items)

    async def _get(
        self, request: OperationRequest, caller: Caller, answer_type: bytes, if_none_match: bytes | None
    ) -> Outcome:
        """The answer to a GET: with a tag when it may be kept, 304 when the client has it. Raises EnvelopeError for
        anything other than a query."""
        engine = self._platform.engine
        try:
            kind = (await engine.open(request, caller)).kind
        except RefusedError as refused:
            return refused.outcome
        if kind is OperationType.QUERY:
            # An answer that tells what is left of the budget is another one each time.
            if not caller.tells_cost:
                condition = Condition(self._platform.versions, answer_type, if_none_match)
                caller = caller._replace(condition=condition)
            outcome = await engine.execute(request, caller)
            if not outcome.started or outcome.status != 200 or outcome.headers:
                return outcome
            tag = entity_tag(outcome.body, answer_type)
            if is_known(tag, if_none_match):
                outcome = Outcome(b"", status=304)
            return outcome._replace(headers=((b"etag", tag),))
        other = "POST" if kind is OperationType.MUTATION else "WebSocket, or to /graphql/stream"
        raise EnvelopeError(
            f"A GET can only run a query, and this is a {kind.value}; send it by {other}.",
            405,
            "METHOD_NOT_ALLOWED",
            ((b"allow", b"POST"),),
        )

    async def _send(
        self, send: Send, headers: dict[bytes, bytes], status: int, answer: list[Header], body: bytes
    ) -> None:
        """Send an answer, compressed when it is long and the client takes that."""
        if self._compress and len(body) > self._compress and (coding := chosen(headers.get(b"accept-encoding", b""))):
            answer.append((b"content-encoding", coding))
            if len(body) > STREAMED_ABOVE:
                await send({"type": "http.response.start", "status": status, "headers": answer})
                await send_compressed(send, coding, body)
                return
            body = compressed(coding, body)
        if status != 304:
            answer.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": body})

    def _wants_page(self, headers: dict[bytes, bytes]) -> bool:
        return self._page is not None and media.prefers_html(headers.get(b"accept", b""))

    async def _actor(self, token: str) -> Actor:
        authenticator = self._platform.authenticator
        try:
            return authenticator.cached(token) or await authenticator.actor(token)
        except UnauthenticatedError as error:
            raise unauthenticated(str(error), b"invalid_token") from None

    async def _other_method(
        self, method: str, headers: dict[bytes, bytes], send: Send, identifier: str, started: float
    ) -> None:
        if method == "GET" and self._page is not None:
            status = 200
            answer, body = self._page.answer()
        elif method == "OPTIONS":
            status, body = 204, b""
            answer = self._cors.preflight(headers, ALLOW)
        else:
            status = 405
            body = error_body(
                f"{method[:20]} is not a method of /graphql; use POST, or GET for queries.",
                "METHOD_NOT_ALLOWED",
            )
            answer = [*self._cors.preflight(headers, ALLOW), *json_headers(body)]
        answer += trace_headers(identifier, started)
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": body if method != "HEAD" else b""})
        known = method if method in ("GET", "OPTIONS") else "other"
        metrics.REQUESTS.observe("/graphql", known, status, perf_counter() - started)


def _caching(outcome: Outcome) -> tuple[Header, ...]:
    """The answer's own headers, and who may keep it: the client, when it has a tag to compare it by."""
    kept = CACHE_CHECKED if outcome.headers[0][0] == b"etag" else CACHE_NOTHING
    return (*kept, *outcome.headers)
