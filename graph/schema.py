"""The schema: all rooms merged, built by Strawberry, with the compiler's map beside it."""

from dataclasses import replace
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLResolveInfo, GraphQLSchema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types.field import StrawberryField

from graph.compiler.prepared import World
from graph.compiler.registry import Registry
from graph.compiler.roots import NODE, NODES, Root
from graph.compiler.types import Node, TypeFactory
from graph.core.payloads import Rendered
from graph.core.room import Room, merge
from graph.directives.access import AccessMap
from runtime.settings import Settings

TIME_ZONE = "(SELECT o.time_zone FROM organizations o WHERE o.id = {org_id})"
ROOMS = ("identity", "events", "files", "fleet", "workforce", "maintenance", "quality", "collaboration")


def _root_field(factory: TypeFactory, root: Root) -> StrawberryField:
    identifier = factory.argument("id", strawberry.ID, "Global id of the object.")
    if root.kind == "node":
        return factory.field(Node | None, root.description, name="node", arguments=[identifier])
    if root.kind == "nodes":
        many = factory.argument("ids", list[strawberry.ID], "Global ids, at most 100.")
        return factory.field(list[Node | None], root.description, name="nodes", arguments=[many])
    assert root.target
    if root.kind == "many":
        arguments = factory.connection_arguments(root.target.name)
        return factory.field(f"{root.target.name}Connection", root.description, name=root.name, arguments=arguments)
    if root.kind == "aggregate":
        arguments = factory.aggregate_arguments(root.target.name)
        return factory.field(f"list[{root.target.name}Group]", root.description, name=root.name, arguments=arguments)
    return factory.field(
        f"{root.target.name} | None",
        root.description,
        name=root.name,
        arguments=[identifier] if root.kind == "one" else [],
    )


def _prefetched(_source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Rendered | None:
    """Resolves a compiled root field when graphql-core must run the operation (introspection beside data)."""
    fragments: Rendered = info.context.fragments
    return fragments if fragments[str(info.path.key)] != b"null" else None


def rooms() -> Room:
    return merge(import_module(f"graph.{name}").ROOM for name in ROOMS)


class BuiltSchema:
    """The Strawberry schema, graphql-core's, and what the compiler needs to know."""

    def __init__(self, room: Room) -> None:
        self.registry = Registry(room.projections, room.abstracts, room.facets)
        factory = TypeFactory(self.registry)
        self.roots = {root.name: self._complete(root) for root in [NODE, NODES, *room.queries]}
        for root in self.roots.values():
            if root.kind == "aggregate" and root.target:
                factory.add_aggregate(root.target)
        self.subscriptions = {item.name: item for item in room.subscriptions}
        query = factory.make(
            "Query",
            [
                *(_root_field(factory, root) for root in self.roots.values()),
                *(item.build(factory) for item in room.public_queries),
            ],
            "Everything that can be read. A query is compiled to one SQL statement and sees one snapshot, but for the "
            "fields that are `@public`.",
        )
        mutation = factory.make(
            "Mutation",
            [item.build(factory) for item in room.mutations],
            "Everything that can be done. Each root field is one transaction, atomic with its answer. With the HTTP "
            "header `Idempotency-Key` (a new one for each thing to be done) an operation is done once, however often "
            "it is sent: for 24 hours the same key gives the first answer.",
        )
        subscription = factory.make(
            "Subscription",
            [item.build(factory) for item in room.subscriptions],
            "What happens, as it happens: graphql-transport-ws at /graphql, or server-sent events at /graphql/stream.",
        )
        self.strawberry = strawberry.Schema(
            query,
            mutation if room.mutations else None,
            subscription if room.subscriptions else None,
            types=[factory.namespace[name] for name in [*self.registry.by_name, *self.registry.facets]],
            config=StrawberryConfig(disable_field_suggestions=True),
        )
        self.core: GraphQLSchema = self.strawberry._schema
        self.access = AccessMap(self.core)
        assert self.core.query_type
        for name in self.roots:
            field: GraphQLField = self.core.query_type.fields[name]
            field.resolve = _prefetched

    def _complete(self, root: Root) -> Root:
        """The root field of the projection as the registry has it, with the connections that lead back to it."""
        return replace(root, target=self.registry.by_name[root.target.name]) if root.target else root

    def world(self, settings: Settings) -> World:
        return World(
            self.core,
            self.registry,
            self.roots,
            self.access,
            default_page_size=min(settings.default_page_size, settings.max_page_size),
            max_page_size=settings.max_page_size,
            time_zone=TIME_ZONE,
        )

    @cached_property
    def sdl(self) -> str:
        """The schema definition; printing it takes a third of a second."""
        return print_schema(self.strawberry) + "\n"


@lru_cache
def build_schema() -> BuiltSchema:
    """The platform's schema; built once a process."""
    return BuiltSchema(rooms())
