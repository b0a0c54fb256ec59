"""What the inputs of identity share."""

from dataclasses import fields
from typing import Any

import strawberry

import graph.identity.enums  # noqa: F401 - described before an input or argument names them

EXPECTED_VERSION = "The version you read; CONFLICT when somebody changed it meanwhile."


def given(input: Any) -> dict[str, Any]:
    """The values that the client gave, by their Python names. Null for something that has no null is as absent."""
    values = {found.name: getattr(input, found.name) for found in fields(input)}
    return {name: value for name, value in values.items() if value is not strawberry.UNSET and value is not None}
