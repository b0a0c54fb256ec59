"""What the inputs of mutations share."""

from collections.abc import Container, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

import strawberry

from graph.core import ids

EXPECTED_VERSION = (
    "The `version` you read. When somebody has changed the object since, the answer is CONFLICT and nothing is done."
)
Version = Annotated[int, strawberry.argument(description=EXPECTED_VERSION)]
VersionIfKnown = Annotated[
    int | None, strawberry.argument(description=EXPECTED_VERSION + " Null: do it whatever the version.")
]

NONE: Mapping[str, str] = MappingProxyType({})


def given(
    input: Any,
    *,
    but: Container[str] = (),
    never_null: Container[str] = (),
    prefixes: Mapping[str, str] = NONE,
) -> dict[str, Any]:
    """The values that the client gave, by their Python names, without those named in `but`.

    Null clears a value that may be empty; for those in `never_null` it is as if it was not given. `prefixes` says
    which of them are ids, or lists of ids, and of what: `{"owner_id": "usr"}`. They come as UUIDs."""
    values = {found.name: getattr(input, found.name) for found in fields(input) if found.name not in but}
    return {
        name: _decoded(prefixes[name], value) if name in prefixes and value is not None else value
        for name, value in values.items()
        if value is not strawberry.UNSET and not (value is None and name in never_null)
    }


def _decoded(prefix: str, value: str | list[str]) -> UUID | list[UUID]:
    return ids.decode(prefix, value) if isinstance(value, str) else [ids.decode(prefix, each) for each in value]
