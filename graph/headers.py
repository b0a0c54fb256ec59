"""What the headers of a request say: which answer is wanted, whose token comes with it, who calls from where."""

import re
from collections import Counter
from typing import NamedTuple, cast

from db.idempotency import LONGEST_KEY
from domain.context import Actor
from graph import media
from graph.answers import Header, Scope
from graph.envelope import EnvelopeError
from graph.operations import Caller
from runtime.heads import Head

# Headers that must be unambiguous: two of them mean that someone between us and the client reads another one.
SINGLE = {
    b"content-type",
    b"authorization",
    b"content-length",
    b"content-encoding",
    b"last-event-id",
    b"idempotency-key",
}
KEY = re.compile(rb"[\x21-\x7e]{1,%d}" % LONGEST_KEY)


class Said(NamedTuple):
    """The headers of a request to /graphql, read: the media type of its answer, the access token that came with it,
    and why it is refused, if it is."""

    headers: dict[bytes, bytes]
    answer_type: bytes = media.JSON
    token: str | None = None
    refusal: EnvelopeError | None = None


def said_in(scope: Scope, head: Head | None) -> Said:
    """What the headers of a request say; `head` keeps it for the next one that sends the same."""
    if head is not None and head.said is not None:
        return cast(Said, head.said)
    said = _read(scope["headers"], scope["method"])
    if head is not None and said.refusal is None:
        head.said = said
    return said


def _read(raw: list[Header], method: str) -> Said:
    headers, answer_type = dict(raw), media.JSON
    try:
        if len(headers) != len(raw):
            headers = merged(raw)
        answer_type = negotiated(headers)
        if method == "POST":
            check_body_headers(headers)
        token = bearer(headers[b"authorization"]) if b"authorization" in headers else None
        return Said(headers, answer_type, token)
    except EnvelopeError as refusal:
        return Said(headers, answer_type, None, refusal)


def negotiated(headers: dict[bytes, bytes]) -> bytes:
    """The media type of the answer."""
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
