"""The messages of the graphql-transport-ws protocol: reading what a client sends, writing what it gets."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from graph import envelope
from graph.envelope import EnvelopeError, kind
from graph.operations import OperationRequest

SUBPROTOCOL = "graphql-transport-ws"
REASON_BYTES = 123
ID_LENGTH = 256
ACK = '{"type":"connection_ack"}'
PONG = '{"type":"pong"}'


class CloseCode(IntEnum):
    """Why the server closes a socket: RFC 6455 and the protocol's own codes."""

    TOO_BIG = 1009
    RESTART = 1012
    TRY_AGAIN = 1013
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    TOO_MANY_INITS = 4429
    INTERNAL = 4500


class CloseError(Exception):
    """Ends the socket with a code and a reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Init:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ping:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    request: OperationRequest


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


ClientMessage = Init | Ping | Pong | Subscribe | Complete


def parse(text: str) -> ClientMessage:
    """The message in a text frame; CloseError(4400) says what is wrong with any other text."""
    try:
        value = envelope.parse_json(text, "The message")
        if not isinstance(value, dict):
            raise EnvelopeError(f"The message is {kind(value)}; send a JSON object with a 'type'.")
        return _message(value)
    except EnvelopeError as error:
        raise CloseError(CloseCode.BAD_REQUEST, str(error)) from None


def _message(value: dict[str, Any]) -> ClientMessage:
    name = value.get("type")
    if name == "subscribe":
        identifier = _id(value)
        payload = value.get("payload")
        if not isinstance(payload, dict):
            raise EnvelopeError(f"The payload of 'subscribe' is {kind(payload)}; it must be an object.")
        return Subscribe(identifier, envelope.from_object(payload))
    if name == "complete":
        return Complete(_id(value))
    if name == "connection_init":
        return Init(_payload(value))
    if name == "ping":
        return Ping(_payload(value))
    if name == "pong":
        return Pong(_payload(value))
    if not isinstance(name, str):
        raise EnvelopeError(f"The message's 'type' is {kind(name)}; it must be a string such as 'subscribe'.")
    raise EnvelopeError(f"A client cannot send messages of the type '{name[:30]}'.")


def _id(value: dict[str, Any]) -> str:
    identifier = value.get("id")
    if not isinstance(identifier, str):
        raise EnvelopeError(f"The message's 'id' is {kind(identifier)}; it must be a string that is not empty.")
    if not identifier or len(identifier) > ID_LENGTH:
        raise EnvelopeError(f"The message's 'id' must have 1 to {ID_LENGTH} characters.")
    return identifier


def _payload(value: dict[str, Any]) -> dict[str, Any] | None:
    payload = value.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise EnvelopeError(f"The payload of '{value['type']}' is {kind(payload)}; it must be an object or null.")
    envelope.check_values(payload, "payload")
    return payload


def token_of(payload: dict[str, Any] | None) -> str | None:
    """The access token in the payload of connection_init: {"authorization": "Bearer …"}, in any case."""
    given = [text for name, text in (payload or {}).items() if name.lower() == "authorization"]
    if not given or given == [None]:
        return None
    if len(given) > 1 or not isinstance(given[0], str):
        raise CloseError(CloseCode.BAD_REQUEST, "'authorization' must be one string, 'Bearer <access token>'.")
    scheme, _, token = given[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or not token.isascii():
        raise CloseError(CloseCode.FORBIDDEN, "'authorization' must read 'Bearer <access token>'.")
    return token


def pong(payload: dict[str, Any] | None) -> str:
    return PONG if payload is None else orjson.dumps({"type": "pong", "payload": payload}).decode()


def next_prefix(identifier: str) -> str:
    """All of a `next` message before its payload; "}" ends it. Made once for each operation."""
    return f'{{"id":{orjson.dumps(identifier).decode()},"type":"next","payload":'


def error(identifier: str, errors: list[dict[str, Any]]) -> str:
    return orjson.dumps({"id": identifier, "type": "error", "payload": errors}).decode()


def complete(identifier: str) -> str:
    return orjson.dumps({"id": identifier, "type": "complete"}).decode()


def reason_text(reason: str) -> str:
    """`reason` as a close frame can carry it: at most 123 bytes, cut between characters."""
    raw = reason.encode("utf-8", "replace")
    if len(raw) <= REASON_BYTES:
        return raw.decode()
    return raw[: REASON_BYTES - 3].decode("utf-8", "ignore") + "…"
