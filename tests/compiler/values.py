"""Values as the reference executor compares, calculates and shows them, in plain Python."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from graph.compiler.projection import Scalar, ToOne


@dataclass(frozen=True)
class Key:
    """One entry of an order, perhaps of a related row."""

    scalar: Scalar
    down: bool
    path: tuple[ToOne, ...] = ()

    @property
    def name(self) -> str:
        return ".".join([*(edge.name for edge in self.path), self.scalar.name])


def compare_keys(order: list[Key], one: list[Any], two: list[Any]) -> int:
    for key, a, b in zip(order, one, two, strict=True):
        if a == b:
            continue
        larger = a is None or (b is not None and a > b)
        return -1 if larger == key.down else 1
    return 0


def parsed_key(scalar: Scalar, value: Any) -> Any:
    if value is None or scalar.python_type not in (UUID, Decimal, datetime, date):
        return value
    if scalar.python_type in (UUID, Decimal):
        return scalar.python_type(value)
    return scalar.python_type.fromisoformat(value)


def key_shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_shown(value)
    return str(value) if isinstance(value, UUID | Decimal | date) else value


def time_shown(value: datetime) -> str:
    """RFC 3339 as PostgreSQL writes it in JSON: UTC, without trailing zeros of the fraction."""
    text = value.isoformat()
    whole, dot, rest = text.partition(".")
    return f"{whole}.{rest[:6].rstrip('0')}{rest[6:]}" if dot else text


def shown(scalar: Scalar, value: Any) -> Any:
    if value is None:
        return None
    if scalar.python_type is UUID:
        return f"{scalar.id_prefix}_{value}"
    if isinstance(value, datetime):
        return time_shown(value)
    return str(value) if isinstance(value, Decimal | date) else value


def given(scalar: Scalar, wanted: Any) -> Any:
    """A filter's operand as the column has it."""
    if isinstance(wanted, list):
        return [given(scalar, each) for each in wanted]
    if isinstance(wanted, bool) or scalar.python_type not in (UUID, Decimal, datetime, date):
        return wanted
    if scalar.python_type is UUID:
        return UUID(wanted.rpartition("_")[2])
    return Decimal(wanted) if scalar.python_type is Decimal else scalar.python_type.fromisoformat(wanted)


def known(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, wanted: actual is not None and test(actual, wanted)


def average(values: list[Any]) -> Decimal:
    mean = (Decimal(sum(values)) / len(values)).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return Decimal(f"{mean:f}".rstrip("0").rstrip("."))


def folded(text: str) -> str:
    """As search compares: decomposed, without accents, punctuation and spaces, in small letters."""
    kept = [each for each in unicodedata.normalize("NFKD", text) if not "\u0300" <= each <= "\u036f"]
    whole = "".join(
        {"ø": "o", "Ø": "o", "ß": "ss", "æ": "ae", "Æ": "ae", "ł": "l", "Ł": "l"}.get(each, each) for each in kept
    )
    return "".join(each for each in whole if each.isalnum() or not each.isascii()).lower()


def words(query: str) -> list[str]:
    return [word for part in query.split() if (word := folded(part))]


CALCULATIONS: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "average": average, "min": min, "max": max}

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": known(lambda actual, wanted: actual == wanted),
    "ne": lambda actual, wanted: actual != wanted,
    "in": known(lambda actual, wanted: actual in wanted),
    "notIn": lambda actual, wanted: actual is None or actual not in wanted,
    "lt": known(lambda actual, wanted: actual < wanted),
    "lte": known(lambda actual, wanted: actual <= wanted),
    "gt": known(lambda actual, wanted: actual > wanted),
    "gte": known(lambda actual, wanted: actual >= wanted),
    "isNull": lambda actual, wanted: (actual is None) == wanted,
    "startsWith": known(lambda actual, wanted: actual.startswith(wanted)),
    "contains": known(lambda actual, wanted: wanted.lower() in actual.lower()),
    "has": known(lambda actual, wanted: wanted in actual),
}
