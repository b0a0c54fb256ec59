"""The one place where an exception becomes a GraphQL error; the unplanned is masked and gets an id."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from asyncpg import exceptions as pg
from graphql import GraphQLError, GraphQLSyntaxError, Node, get_location

from domain.errors import OperationError

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTERNAL = "INTERNAL"
TIMEOUT = "TIMEOUT"
UNAVAILABLE = "UNAVAILABLE"

HTTP_STATUS = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "OPERATION_NOT_TRUSTED": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMITED": 429,
    INTERNAL: 500,
    TIMEOUT: 503,
    UNAVAILABLE: 503,
}

# What a server that was killed, or is only starting, leaves of those who speak to it.
AWAY = (
    ConnectionError,
    pg.PostgresConnectionError,
    pg.CannotConnectNowError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
)

log = structlog.get_logger("opsgraph.errors")


def to_error(
    exc: BaseException,
    path: Sequence[str | int] | None = None,
    node: Node | None = None,
    *,
    code: str | None = None,
) -> dict[str, Any]:
    """`exc` as {message, locations?, path?, extensions: {code, …}}.

    `code` is for a GraphQLError of a known stage that has no class of its own (validation, coercion); without
    it such an error counts as failed validation."""
    original = original_of(exc)
    if isinstance(exc, GraphQLError):
        path = path if path is not None else exc.path
        node = node or (exc.nodes[0] if exc.nodes else None)
    if isinstance(original, OperationError):
        message, extensions = str(original), {"code": original.code} | getattr(original, "extensions", {})
    elif isinstance(exc, GraphQLError) and (code is not None or original is exc):
        message = exc.message
        extensions = {"code": code or _graphql_code(exc)} | (exc.extensions or {})
    else:
        message, extensions = _unplanned(original, path)
    error: dict[str, Any] = {"message": message}
    if locations := _locations(exc, node):
        error["locations"] = locations
    if path is not None:
        error["path"] = list(path)
    error["extensions"] = extensions
    return error


def original_of(exc: BaseException) -> BaseException:
    """What was raised before graphql-core wrapped it, however often it did."""
    while isinstance(exc, GraphQLError) and exc.original_error is not None:
        exc = exc.original_error
    return exc


def status_of(errors: Sequence[dict[str, Any]]) -> int:
    """The HTTP status of an operation that was refused with these errors."""
    return HTTP_STATUS.get(errors[0]["extensions"]["code"], 400) if errors else 200


def error_id() -> str:
    return secrets.token_hex(6)


def masked(exc: BaseException, **context: Any) -> tuple[str, str]:
    """Logs `exc` with its traceback; answers the sentence for the client and the id to quote."""
    made = error_id()
    log.error("unexpected error", error_id=made, exc_info=exc, **context)
    return f"Something went wrong on our side; quote error {made}.", made


def _graphql_code(exc: GraphQLError) -> str:
    return PARSE_FAILED if isinstance(exc, GraphQLSyntaxError) else VALIDATION_FAILED


def _unplanned(exc: BaseException, path: Sequence[str | int] | None) -> tuple[str, dict[str, Any]]:
    for cause in _causes(exc):
        if isinstance(cause, pg.QueryCanceledError):
            log.warning("statement timed out", path=path)
            return "This took longer than an operation may; ask for less at once.", {"code": TIMEOUT}
        if _is_away(cause):
            log.warning("server away", path=path, reason=repr(cause)[:300])
            return (
                "A server that this needs cannot be reached at this moment; send it again shortly.",
                {"code": UNAVAILABLE, "retryAfter": 1},
            )
        if _is_data_error(cause):
            log.warning("value refused by the database", path=path, reason=type(cause).__name__)
            return (
                "A value of this operation cannot be stored or compared: it is out of range, or has a "
                "character that text cannot hold.",
                {"code": BAD_USER_INPUT},
            )
    message, made = masked(exc, path=path)
    return message, {"code": INTERNAL, "errorId": made}


def _is_data_error(exc: BaseException) -> bool:
    """A value the server (class 22) or the driver (InterfaceError and ValueError) would not take."""
    return isinstance(exc, pg.DataError) or (isinstance(exc, pg.InterfaceError) and isinstance(exc, ValueError))


def _is_away(exc: BaseException) -> bool:
    """SQLAlchemy tells lost connections by a flag; asyncpg calls one that it finds closed a misuse of the client."""
    lost = getattr(exc, "connection_invalidated", False)
    closed = isinstance(exc, pg.InterfaceError) and "closed" in str(exc)
    return isinstance(exc, AWAY) or bool(lost) or closed


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """`exc` and what caused it; SQLAlchemy keeps the driver's error in `orig`."""
    current: BaseException | None = exc
    for _ in range(8):
        if current is None:
            return
        yield current
        current = getattr(current, "orig", None) or current.__cause__


def _locations(exc: BaseException, node: Node | None) -> list[dict[str, int]]:
    if isinstance(exc, GraphQLError) and exc.locations:
        return [{"line": at.line, "column": at.column} for at in exc.locations]
    if node is not None and node.loc is not None:
        at = get_location(node.loc.source, node.loc.start)
        return [{"line": at.line, "column": at.column}]
    return []
