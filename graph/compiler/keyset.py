"""Keyset pages under any order: cursors, and the predicate "after this cursor".

An order is a list of (field, descending) that ends with the id, so it is total. Nulls count as the largest value,
as PostgreSQL's indexes have them. A cursor is base64url of a JSON array: the order it belongs to, then the value of
each key; it is opaque to clients and needs no signature, because it can only say where to start among rows the
actor may see anyway.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto

from domain.errors import BadUserInputError
from graph.compiler.projection import Projection, Scalar, ToOne

CASTS: dict[Any, str] = {
    str: "text",
    int: "int8",
    bool: "bool",
    date: "date",
    datetime: "timestamptz",
    Decimal: "numeric",
    UUID: "uuid",
    list[str]: "text[]",
}


def cast_of(python_type: Any) -> str:
    """The SQL type of a parameter that is compared with a field of this type (enums are text)."""
    return CASTS.get(python_type, "text")


@dataclass(frozen=True)
class Key:
    """One entry of an order: a field of the row, or of the row that edges lead to."""

    scalar: Scalar
    descending: bool
    path: tuple[ToOne, ...] = ()

    @property
    def name(self) -> str:
        return ".".join([*(edge.name for edge in self.path), self.scalar.name])

    @property
    def nullable(self) -> bool:
        # A related row may be hidden from who asks, whatever its key column says.
        return self.scalar.nullable or bool(self.path)


def signature(projection: Projection, keys: list[Key]) -> str:
    """Names the order, so that a cursor of another one is refused instead of misread."""
    return projection.prefix + ":" + ",".join(("-" if key.descending else "") + key.name for key in keys)


# Far more than the keys of any order; what is remembered must not grow with what somebody sends.
MAX_CURSOR = 16_384


# An operation looks at its cursor once to find its plan and once for each key: a small memory spares all but the first.
@lru_cache(maxsize=64)
def _unpack(text: str) -> tuple[Any, ...]:
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError("too long")
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(values, list) and len(values) > 1:
            return tuple(values)
    except (ValueError, binascii.Error):
        pass
    raise BadUserInputError(f"{text[:60]!r} is not a cursor: pass one that a `cursor` field or `pageInfo` gave.")


@lru_cache(maxsize=64)
def null_mask(text: str) -> tuple[bool, ...]:
    """Which key values of a cursor are null: it shapes the predicate."""
    return tuple([value is None for value in _unpack(text)[1:]])


def _parse(python_type: Any, value: Any) -> Any:
    if python_type in (datetime, date):
        return python_type.fromisoformat(value)
    if python_type is UUID:
        return pgproto.UUID(value)
    if python_type is Decimal:
        return Decimal(value)
    if not isinstance(value, bool if python_type is bool else int if python_type is int else str):
        raise ValueError("another type")
    return value


def decode(text: str, expected: str, keys: list[Key]) -> tuple[Any, ...]:
    """The key values of a cursor; BadUserInputError when it belongs to another list or order."""
    return _values(text, expected, tuple([key.scalar.python_type for key in keys]))


@lru_cache(maxsize=64)
def _values(text: str, expected: str, types: tuple[Any, ...]) -> tuple[Any, ...]:
    values = _unpack(text)
    if values[0] != expected or len(values) != len(types) + 1:
        raise BadUserInputError(
            "This cursor belongs to another list or another `orderBy`: use it with the arguments it came from."
        )
    try:
        return tuple(
            [
                None if value is None else _parse(python_type, value)
                for python_type, value in zip(types, values[1:], strict=True)
            ]
        )
    except (ValueError, TypeError, AttributeError, InvalidOperation):
        raise BadUserInputError("This cursor is damaged: start again without it.") from None


def cursor_sql(order: str, values: list[tuple[Key, str]]) -> str:
    """SQL text of the cursor of a row, given each key's expression."""
    parts = [f"{sql}::text" if key.scalar.python_type is Decimal else sql for key, sql in values]
    array = f"json_build_array('{order}'::text, {', '.join(parts)})"
    # base64url without padding; `translate` alone would look at each character four times.
    encoded = f"rtrim(replace(encode(convert_to({array}::text, 'UTF8'), 'base64'), E'\\n', ''), '=')"
    return f"replace(replace({encoded}, '+', '-'), '/', '_')"


def beyond(columns: list[tuple[Key, str]], values: list[str | None], *, backward: bool, inclusive: bool = False) -> str:
    """SQL: the row lies after (or, backward, before) the cursor's key values; None stands for a null value.
    `inclusive` lets in the cursor's own row."""
    ways = {key.descending != backward for key, _ in columns}
    pairs = list(zip(columns, values, strict=True))
    if len(ways) == 1 and not any(value is None or key.nullable for (key, _), value in pairs):
        operator = ("<" if ways.pop() else ">") + ("=" if inclusive else "")
        left, right = ", ".join(sql for _, sql in columns), ", ".join(str(value) for value in values)
        return f"({left}) {operator} ({right})"
    branches: list[str] = []
    equal: list[str] = []
    for (key, sql), value in pairs:
        step = _further(key, sql, value, downward=key.descending != backward)
        if step:
            branches.append(" AND ".join([*equal, step]))
        equal.append(f"{sql} IS NULL" if value is None else f"{sql} = {value}")
    if inclusive:
        branches.append(" AND ".join(equal))
    return "(" + " OR ".join(f"({branch})" for branch in branches) + ")" if branches else "false"


def _further(key: Key, sql: str, value: str | None, *, downward: bool) -> str | None:
    if value is None:
        return f"{sql} IS NOT NULL" if downward else None
    if downward:
        return f"{sql} < {value}"
    return f"({sql} > {value} OR {sql} IS NULL)" if key.nullable else f"{sql} > {value}"


def order_by(columns: list[tuple[Key, str]], *, backward: bool) -> str:
    """ORDER BY list; PostgreSQL's defaults already put nulls last ascending and first descending."""
    return ", ".join(f"{sql}{' DESC' if key.descending != backward else ''}" for key, sql in columns)
