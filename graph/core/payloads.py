"""Payloads: what mutations and subscriptions answer with, their compiled parts rendered already."""

from collections.abc import Sequence
from typing import Any

import orjson
import strawberry
from graphql import GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import Executor
from graphql.pyutils import AwaitableOrValue, Path

from domain.errors import ErrorCode, UserError
from graph.core.enums import describe

describe(
    ErrorCode,
    "Why an input was refused.",
    {
        "REQUIRED": "A value is missing.",
        "INVALID": "A value is not of the form it must have.",
        "TAKEN": "Something else has this name or number already.",
        "TOO_WEAK": "The password is too easy to guess.",
        "TOO_LONG": "A text is longer than allowed.",
        "OUT_OF_RANGE": "A number or date lies outside what is allowed.",
        "NOT_FOUND": "What an id or name refers to is not there.",
        "NOT_ALLOWED": "The rules do not allow this in the present state.",
        "EXPIRED": "A token or period has run out.",
        "STALE": "The object has changed since it was read.",
        "IN_USE": "Something else still needs it.",
    },
)


@strawberry.type(name="UserError", description="One thing about an input that a person can mend.")
class UserErrorType:
    code: ErrorCode = strawberry.field(description="What kind of refusal it is.")
    message: str = strawberry.field(description="A sentence for a person: what was wrong and what to do.")
    path: list[str] = strawberry.field(description="Where in the mutation's arguments it is; empty for the whole.")


class Rendered(dict[str, bytes]):
    """JSON of a compiled payload field, by response key: one field can be asked for under several aliases."""


class Payload:
    """The source object of a payload type: its fields by name."""

    def __init__(self, values: dict[str, Any], errors: Sequence[UserError] = ()) -> None:
        self._values = {"errors": errors, **values}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # else graphql-core finds an `__await__` and awaits the payload
        return self._values.get(name)


class PassThroughExecutor(Executor[Any]):
    """graphql-core's executor, that lets rendered bytes into the response untouched."""

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[Any]:
        if type(result) is Rendered:
            return orjson.Fragment(result[str(path.key)])
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)
