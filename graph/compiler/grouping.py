"""What a projection can be grouped by and which numbers can be added up: the shape of its aggregate."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case, to_snake_case

from graph.compiler.projection import Projection, Scalar

UNITS = ("DAY", "WEEK", "MONTH", "YEAR")
NUMBERS = {
    "sum": "The sums over the group; null where no row has a value.",
    "average": "The arithmetic means over the group, to six decimals.",
    "min": "The smallest values in the group.",
    "max": "The largest values in the group.",
}


@dataclass(frozen=True)
class GroupKey:
    """One way to group: a field's value, or the calendar unit that a day or moment lies in."""

    scalar: Scalar
    unit: str | None = None

    @property
    def value(self) -> str:
        """The member of the groupBy enum, as in FLOWN_ON_MONTH."""
        return (to_snake_case(self.scalar.name) + (f"_{self.unit}" if self.unit else "")).upper()

    @property
    def name(self) -> str:
        """The field of the group, as in flownOnMonth."""
        return to_camel_case(self.value.lower())

    @property
    def description(self) -> str:
        if self.unit is None:
            return self.scalar.description
        zone = ", in the organization's time zone" if self.scalar.python_type is datetime else ""
        return f"The first day of the {self.unit.lower()}{zone}. {self.scalar.description}"


def _groupable(python_type: Any) -> bool:
    is_enum = isinstance(python_type, type) and issubclass(python_type, StrEnum)
    return is_enum or python_type in (str, bool, UUID)


def keys_of(item: Projection) -> dict[str, GroupKey]:
    """By enum value: filterable fields with few values, and the calendar units of dates and times."""
    keys: list[GroupKey] = []
    for found in item.fields.values():
        if not isinstance(found, Scalar) or not found.filter or found.name == "id":
            continue
        if found.python_type in (date, datetime):
            keys += [GroupKey(found, unit) for unit in UNITS]
        elif _groupable(found.python_type):
            keys.append(GroupKey(found))
    return {key.value: key for key in keys}


def numbers_of(item: Projection) -> list[Scalar]:
    """The fields that can be added up."""
    scalars = [found for found in item.fields.values() if isinstance(found, Scalar)]
    return [found for found in scalars if found.python_type in (int, Decimal) and found.name != "version"]
