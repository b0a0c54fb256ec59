"""Cursors as the platform makes them: base64url of a JSON array that names the order and holds the key's values."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import orjson

BY_REGISTRATION = "ac:registration,id"
BY_CREATED_AT = "ut:createdAt,id"


def encode(order: str, values: Sequence[str]) -> str:
    """Written as PostgreSQL writes a JSON array, so that equal places have equal cursors."""
    text = ", ".join(orjson.dumps(value).decode() for value in (order, *values))
    return urlsafe_b64encode(f"[{text}]".encode()).rstrip(b"=").decode()


def decode(cursor: str) -> list[str]:
    """The values of the key."""
    values: list[str] = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return values[1:]


def registration(cursor: str) -> tuple[str, UUID]:
    text, identifier = decode(cursor)
    return text, UUID(identifier)


def created_at(cursor: str) -> tuple[datetime, UUID]:
    text, identifier = decode(cursor)
    return datetime.fromisoformat(text), UUID(identifier)
