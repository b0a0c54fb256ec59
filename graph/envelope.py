"""The JSON envelope of a GraphQL request: {query, operationName?, variables?, extensions?}, checked."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from graph.operations import OperationRequest

MAX_DEPTH = 64
# Below so many brackets a value cannot be deep enough to be worth a walk.
SHALLOW = 2 * MAX_DEPTH
PARAMETERS = frozenset({"query", "operationName", "variables", "extensions"})


class EnvelopeError(Exception):
    """Says in a sentence what is wrong with a request and what to do; `headers` go with the answer."""

    def __init__(
        self,
        message: str,
        status: int = 400,
        code: str = "BAD_REQUEST",
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class BatchError(EnvelopeError):
    """The body is an array of `items`; whoever runs batches catches it."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__("Batching is off; send one JSON object for each request, not an array.")
        self.items = items


def from_body(body: bytes) -> OperationRequest:
    """The request in the body of a POST."""
    if not body:
        raise EnvelopeError("The request body is empty; send a JSON object with a 'query'.")
    value = parse_json(body, "The request body")
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise BatchError(value)
        raise EnvelopeError(f"The request body is {kind(value)}; send a JSON object with a 'query'.")
    return from_object(value, nested=body.count(b"{") + body.count(b"[") > SHALLOW, nul=b"\\u0000" in body)


def from_query_string(raw: bytes) -> OperationRequest:
    """The request in the URL of a GET; `variables` and `extensions` are JSON texts there."""
    value: dict[str, Any] = {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except (UnicodeDecodeError, ValueError):
        raise EnvelopeError("The query string is not UTF-8 in percent-encoding; encode it again.") from None
    for name, text in pairs:
        if name not in PARAMETERS:
            continue
        if name in value:
            raise EnvelopeError(f"The parameter '{name}' is given twice; give it once.")
        if name in ("variables", "extensions"):
            value[name] = parse_json(text.encode(), f"The parameter '{name}'") if text else None
        else:
            value[name] = text or None
    if value.get("query") is None and not _names_document(value.get("extensions")):
        raise EnvelopeError("The parameter 'query' is missing; give it the text of a GraphQL query.")
    return from_object(value, nested=True, nul=True)


def from_object(value: Mapping[str, Any], *, nested: bool = True, nul: bool = True) -> OperationRequest:
    """The request in a parsed object. `nested` and `nul` say whether the text it was parsed from could hold
    deep values or NUL characters, so that ordinary requests are spared the walk."""
    query = value.get("query")
    if query is None and _names_document(value.get("extensions")):
        query = ""
    elif not isinstance(query, str):
        if query is None:
            raise EnvelopeError("'query' is missing; it must hold the text of a GraphQL operation.")
        raise EnvelopeError(f"'query' is {kind(query)}; it must be a string.")
    elif not query or query.isspace():
        raise EnvelopeError("'query' is empty; it must hold the text of a GraphQL operation.")
    name = value.get("operationName")
    if name is not None and not isinstance(name, str):
        raise EnvelopeError(f"'operationName' is {kind(name)}; it must be a string or null.")
    variables = value.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise EnvelopeError(f"'variables' is {kind(variables)}; it must be an object or null.")
    extensions = value.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise EnvelopeError(f"'extensions' is {kind(extensions)}; it must be an object or null.")
    if nested or nul:
        check_values(variables, "variables")
        check_values(extensions, "extensions")
        if "\x00" in query:
            raise EnvelopeError("'query' holds the character NUL, which GraphQL does not allow; remove it.")
    return OperationRequest(query, name or None, variables, extensions)


def _names_document(extensions: Any) -> bool:
    """Whether a request without a text says by its hash which document it means."""
    return isinstance(extensions, dict) and extensions.get("persistedQuery") is not None


def parse_json(text: bytes | str, what: str) -> Any:
    """The JSON value of `text`; the error names `what` it stands in."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise EnvelopeError(f"{what} is not valid JSON: {_why(text, error)}.") from None


def _why(text: bytes | str, error: orjson.JSONDecodeError) -> str:
    raw = text[:4].encode("utf-8", "surrogatepass") if isinstance(text, str) else text[:4]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw:
        return "it is UTF-16 or UTF-32; encode it as UTF-8"
    if raw[:3] == b"\xef\xbb\xbf":
        return "it begins with a byte order mark; leave that out"
    if "UTF-8" in error.msg:
        return "it holds bytes that are not UTF-8; encode it as UTF-8"
    if "depth" in error.msg:
        return "it is nested too deeply"
    return f"{error.msg.split(': line', 1)[0]} at line {error.lineno}, column {error.colno}"


def check_values(value: dict[str, Any] | None, name: str) -> None:
    """Refuses what nothing behind could take: values nested deeper than MAX_DEPTH, and NUL characters."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if "\x00" in item:
                    raise EnvelopeError(f"'{name}' holds the character NUL (\\u0000); remove it.")
            elif isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise EnvelopeError(f"'{name}' is nested deeper than {MAX_DEPTH} levels; flatten it.")


def kind(value: Any) -> str:
    """A JSON value's type in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"
