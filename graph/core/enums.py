"""GraphQL enums made from a domain StrEnum and a description of every value."""

from enum import StrEnum
from typing import Any

import strawberry


def describe(enum: type[StrEnum], description: str, values: dict[str, str]) -> Any:
    """Make `enum` a GraphQL enum, once. Every value must be described."""
    if missing := {member.value for member in enum} ^ set(values):
        raise TypeError(f"{enum.__name__}: describe exactly its values; differs in {sorted(missing)}")
    made: Any = strawberry.enum(enum, description=description)
    for value in made.__strawberry_definition__.values:
        value.description = values[value.name]
    return made
