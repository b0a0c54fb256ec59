"""`@requires` and `@public`: they print in the schema, and the same declarations are what is enforced.

A field without either needs a signed-in actor. A type's @requires guards every field of that type, wherever the
type appears. `AccessMap` is read off the built schema, so nothing can be enforced that is not printed, nor the
other way round.
"""

from collections.abc import Iterable

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.schema_directive import Location

from domain.errors import ForbiddenError, UnauthenticatedError
from domain.permissions import PERMISSION_DESCRIPTIONS, Permission
from graph.core.enums import describe

describe(
    Permission,
    "What a role may allow. A role is a named set of these.",
    {permission.value: PERMISSION_DESCRIPTIONS[permission] for permission in Permission},
)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    description="The actor needs this permission for the field, or for every field of the type.",
)
class Requires:
    permission: Permission = strawberry.directive_field(name="permission")


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], description="The field needs no sign-in.")
class Public:
    pass


class AccessMap:
    """What each field of the schema needs, read off its directives."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.needs: dict[tuple[str, str], frozenset[str]] = {}
        self.public: set[tuple[str, str]] = set()
        for name, kind in schema.type_map.items():
            if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or name.startswith("__"):
                continue
            of_type = set(_permissions(kind))
            for field_name, field in kind.fields.items():
                self.needs[name, field_name] = frozenset(of_type | set(_permissions(field)))
                if any(isinstance(directive, Public) for directive in _directives(field)):
                    self.public.add((name, field_name))

    def check(self, touched: Iterable[tuple[str, str]], permissions: frozenset[str]) -> None:
        """Raises ForbiddenError that names every field the permissions do not reach."""
        refused = {
            f"{type_name}.{field_name} needs {', '.join(sorted(missing))}"
            for type_name, field_name in touched
            if (missing := self.needs.get((type_name, field_name), frozenset()) - permissions)
        }
        if refused:
            raise ForbiddenError("Your roles do not allow this: " + "; ".join(sorted(refused)) + ".")

    def check_anonymous(self, roots: Iterable[tuple[str, str]]) -> None:
        """Raises UnauthenticatedError unless every root field is public."""
        closed = sorted(field for type_name, field in roots if (type_name, field) not in self.public)
        if closed:
            raise UnauthenticatedError(
                f"Sign in to use {', '.join(closed)}: send a valid access token as 'Authorization: Bearer …'."
            )


def _directives(item: object) -> Iterable[object]:
    definition = (getattr(item, "extensions", None) or {}).get("strawberry-definition")
    return getattr(definition, "directives", None) or ()


def _permissions(item: object) -> Iterable[str]:
    return (directive.permission for directive in _directives(item) if isinstance(directive, Requires))
