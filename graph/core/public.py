"""Root queries that need no sign-in: a plain function answers them, because there is no organization to read in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from graphql import GraphQLResolveInfo
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graph.compiler.types import TypeFactory
from graph.core.mutations import guest_of
from graph.core.resolvers import arguments_of, description_of, with_info
from graph.directives.access import Public


@dataclass(frozen=True)
class PublicQuery:
    """A root query that is not compiled."""

    name: str
    function: Callable[..., Awaitable[Any]]
    description: str

    def build(self, factory: TypeFactory) -> StrawberryField:
        # Nullable, so that what it refuses does not hide what was asked beside it.
        kind = get_type_hints(self.function)["return"]
        result = factory.field(kind | None, self.description, name=self.name, directives=[Public()])
        result.base_resolver = with_info(self._resolve)
        result.arguments = arguments_of(factory, self.function)
        return result

    async def _resolve(self, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        return await self.function(guest_of(info.context), **arguments)


def public_query(function: Callable[..., Awaitable[Any]]) -> PublicQuery:
    """Declare a public query: `function(guest, …)` returns the value."""
    return PublicQuery(to_camel_case(function.__name__), function, description_of(function))
