"""Media types of GraphQL over HTTP: what a client sends (Content-Type) and what it takes (Accept)."""

from functools import lru_cache

JSON = b"application/json"
HTML = b"text/html"
EVENT_STREAM = b"text/event-stream"
GRAPHQL_JSON = b"application/graphql-response+json"
OFFERED = "application/graphql-response+json or application/json"


@lru_cache(maxsize=512)
def problem_of_content_type(header: bytes) -> str | None:
    """Why a request body of this Content-Type is refused, in a sentence; None for JSON in UTF-8.

    It must be application/json itself: a browser sends a mere form without asking us first (CSRF)."""
    essence, parameters = _split(header)
    if essence != JSON:
        return "The Content-Type must be application/json, and the body a JSON object."
    for parameter in parameters:
        name, separator, value = parameter.partition(b"=")
        if not separator or not name.strip():
            return "The Content-Type has a malformed parameter; send just application/json."
        if name.strip() == b"charset" and value.strip().strip(b'"') not in (b"utf-8", b"utf8"):
            return "The charset must be utf-8; encode the body as UTF-8."
    return None


@lru_cache(maxsize=512)
def negotiate(accept: bytes) -> bytes | None:
    """The best media type of an answer for this Accept header; None when the client takes neither.

    Quality decides, then being named rather than meant by a wildcard, then the newer type. A wildcard alone
    gets application/json, as the draft asks."""
    if not accept.strip():
        return JSON
    ranges = _ranges(accept)
    best: tuple[float, int, int] | None = None
    chosen: bytes | None = None
    for offered, preference in ((GRAPHQL_JSON, 1), (JSON, 0)):
        specificity, quality = _best(ranges, offered)
        if quality <= 0:
            continue
        named = specificity == 2
        rank = (quality, int(named), preference if named else 1 - preference)
        if best is None or rank > best:
            best, chosen = rank, offered
    return chosen


@lru_cache(maxsize=512)
def quality(accept: bytes, offered: bytes) -> float:
    """How much a client that sends this Accept header wants the media type: 0 (not at all) to 1."""
    if not accept.strip():
        return 1.0
    return _best(_ranges(accept), offered)[1]


@lru_cache(maxsize=512)
def prefers_html(accept: bytes) -> bool:
    """Whether the client is a browser that shows pages: it names HTML, and likes it better than JSON."""
    if not any(essence == HTML for essence, _ in _ranges(accept)):
        return False
    return quality(accept, HTML) > max(quality(accept, JSON), quality(accept, GRAPHQL_JSON))


def _ranges(accept: bytes) -> list[tuple[bytes, float]]:
    """The media ranges of an Accept header, each with its quality; those that are malformed are left out."""
    return [parsed for part in _commas(accept) if (parsed := _range(part)) is not None]


def _best(ranges: list[tuple[bytes, float]], offered: bytes) -> tuple[int, float]:
    """How exactly the media type is meant by the range that fits it best, and its quality; -1: by none."""
    matching = [(_specificity(essence, offered), quality) for essence, quality in ranges]
    return max((found for found in matching if found[0] >= 0), default=(-1, 0.0))


def _split(header: bytes) -> tuple[bytes, list[bytes]]:
    essence, *parameters = (part.strip().lower() for part in header.split(b";"))
    return essence, parameters


def _commas(header: bytes) -> list[bytes]:
    """Parts between commas that stand outside quotes."""
    parts, quoted, current = [], False, bytearray()
    for byte in header:
        if byte == 0x22:
            quoted = not quoted
        if byte == 0x2C and not quoted:
            parts.append(bytes(current))
            current.clear()
        else:
            current.append(byte)
    return [*parts, bytes(current)]


def _range(part: bytes) -> tuple[bytes, float] | None:
    """A media range and its quality; None when it is malformed or wants a charset we do not speak."""
    essence, parameters = _split(part)
    if essence.count(b"/") != 1:
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                return None
        elif name.strip() == b"charset" and value.strip().strip(b'"') not in (b"utf-8", b"utf8"):
            return None
    return essence, quality


def _specificity(essence: bytes, offered: bytes) -> int:
    if essence == offered:
        return 2
    if essence.endswith(b"/*") and offered.startswith(essence[:-1]):
        return 1
    return 0 if essence == b"*/*" else -1
