"""Answering over bare ASGI: one start, one body, and the headers that every answer carries."""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from time import perf_counter
from typing import Any

import orjson

from graph.media import GRAPHQL_JSON, JSON
from runtime.logging import REQUEST_ID
from runtime.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

# New request ids: random for the process, then counted, which is far cheaper than random for each.
PROCESS = secrets.token_hex(5)
SERIAL = count(1)
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

NOSNIFF = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
VARY_ACCEPT = (b"vary", b"accept")
CONTENT_TYPES = {media: (b"content-type", media + b"; charset=utf-8") for media in (JSON, GRAPHQL_JSON)}
SECURITY: list[Header] = [
    NOSNIFF,
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
]
EXPOSED = b"etag, x-request-id, x-process-time, retry-after, idempotency-replayed"
ALLOWED_HEADERS = (
    b"authorization, content-type, accept, if-none-match, last-event-id, x-request-id, x-device-id, "
    b"x-cost, idempotency-key"
)


def request_id(headers: dict[bytes, bytes]) -> str:
    """The client's X-Request-Id when it is sane, else a new one; every log line of the request carries it."""
    given = headers.get(b"x-request-id")
    made = given.decode() if given and SANE_REQUEST_ID.fullmatch(given) else f"{PROCESS}{next(SERIAL):06x}"
    REQUEST_ID.set(made)
    return made


def trace_headers(identifier: str, started: float) -> list[Header]:
    return [
        (b"x-request-id", identifier.encode()),
        (b"x-process-time", b"%.6f" % (perf_counter() - started)),
    ]


def error_body(message: str, code: str, **extensions: Any) -> bytes:
    return orjson.dumps({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]})


def json_headers(body: bytes, media: bytes = JSON) -> list[Header]:
    return [CONTENT_TYPES[media], (b"content-length", b"%d" % len(body)), VARY_ACCEPT, NOSNIFF, NO_STORE]


def entity_tag(body: bytes, media: bytes) -> bytes:
    """The tag of an answer. It is weak, because compressed or not the answer is the same."""
    return b'W/"%b"' % hashlib.blake2b(body, digest_size=12, person=media[-16:]).hexdigest().encode()


def is_known(tag: bytes, if_none_match: bytes | None) -> bool:
    """Whether the client says that it has the answer with this tag (RFC 9110: compared weakly)."""
    if if_none_match is None:
        return False
    known = {item.strip().removeprefix(b"W/") for item in if_none_match.split(b",")}
    return b"*" in known or tag.removeprefix(b"W/") in known


class Cors:
    """Which origins a browser lets call us, and the headers that tell it so. Tokens travel in a header of
    their own, so credentials (cookies) are never allowed."""

    def __init__(self, settings: Settings) -> None:
        self._origins = {origin.strip().rstrip("/").encode() for origin in settings.cors_origins.split(",")} - {b""}

    def headers(self, headers: dict[bytes, bytes]) -> list[Header]:
        origin = headers.get(b"origin")
        if origin is None or not self._origins:
            return []
        if b"*" in self._origins:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED)]
        if origin not in self._origins:
            return [(b"vary", b"origin")]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", EXPOSED),
            (b"vary", b"origin"),
        ]

    def preflight(self, headers: dict[bytes, bytes], allow: bytes) -> list[Header]:
        """The headers of the answer to an OPTIONS request."""
        found = self.headers(headers)
        if any(name == b"access-control-allow-origin" for name, _ in found):
            found += [
                (b"access-control-allow-methods", allow),
                (b"access-control-allow-headers", ALLOWED_HEADERS),
                (b"access-control-max-age", b"7200"),
            ]
        return [(b"allow", allow), *found]
