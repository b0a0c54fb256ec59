"""What the fleet's inputs share."""

from dataclasses import fields
from typing import Annotated, Any

import strawberry

EXPECTED_VERSION = (
    "The `version` you read. When somebody has changed the object since, the answer is CONFLICT and nothing is done."
)
Version = Annotated[int, strawberry.argument(description=EXPECTED_VERSION)]
VersionIfKnown = Annotated[
    int | None, strawberry.argument(description=EXPECTED_VERSION + " Null: do it whatever the version.")
]


def given(input: Any, *, but: tuple[str, ...] = (), never_null: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values that the client gave, by their Python names, without those named in `but`.

    Null clears a value that may be empty; for those in `never_null` it is as if it was not given."""
    values = {found.name: getattr(input, found.name) for found in fields(input) if found.name not in but}
    return {
        name: value
        for name, value in values.items()
        if value is not strawberry.UNSET and not (value is None and name in never_null)
    }
