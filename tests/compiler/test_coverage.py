"""The generated operations leave nothing out: what there is to cover is found in the schema, not on a list."""

import random

import pytest
from graphql import FieldNode, GraphQLObjectType, ObjectFieldNode, TypeInfo, TypeInfoVisitor, Visitor, parse, visit
from graphql import get_named_type as named

from graph.compiler.abstract import ToAny
from graph.compiler.projection import SEARCH, ToMany, ToOne
from graph.schema import BuiltSchema
from tests.compiler import things
from tests.compiler.conftest import World, actor
from tests.compiler.facts import gather
from tests.compiler.generate import Generator
from tests.compiler.reference import Reference

OPERATIONS = 1_500  # at most; what is looked for is found long before
ARGUMENTS = {"first", "last", "after", "before", "where", "orderBy", "groupBy"}


class Seen(Visitor):
    """Collects the (type, field) that operations select, and the (input type, entry) that their literals give."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.fields: set[tuple[str, str]] = set()
        self.entries: set[tuple[str, str]] = set()
        self.arguments: set[str] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        if kind := self.info.get_parent_type():
            self.fields.add((kind.name, node.name.value))
        self.arguments |= {argument.name.value for argument in node.arguments or ()}

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> None:
        if kind := self.info.get_parent_input_type():
            self.entries.add((named(kind).name, node.name.value))


async def seen(world: World, built: BuiltSchema, fields: set[tuple[str, str]], entries: set[tuple[str, str]]) -> Seen:
    """What the operations of the first seeds hold, up to the one that makes these and ARGUMENTS complete. Where there
    are notes, every other one asks for them, as the comparison in test_abstract does."""
    notes = built.roots.get("notes")
    reference = Reference(built, await gather(world.owner, built, actor()))
    collected = Seen(TypeInfo(built.core))
    for seed in range(OPERATIONS):
        if fields <= collected.fields and entries <= collected.entries and collected.arguments >= ARGUMENTS:
            break
        generator = Generator(built, reference, random.Random(seed), actor().permissions)
        made = generator.assembled(generator.root(notes, 0)) if notes and seed % 2 else generator.operation()
        visit(parse(made[0]), TypeInfoVisitor(collected.info, collected))
    return collected


@pytest.mark.parametrize("room", ["platform", "things"])
async def test_generated_operations_cover_the_schema(world: World, room: str) -> None:
    built = world.platform.schema if room == "platform" else things.schema()
    registry = built.registry
    objects = {item.name: item.fields for item in (*registry.by_name.values(), *registry.facets.values())}
    fields = {(name, field) for name, known in objects.items() for field in known} | {
        (kind.name, field)
        for kind in built.core.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind.name.removesuffix("Connection") in objects
        for field in kind.fields
    }
    roots = {("Query", name) for name in built.roots}
    searched = {(f"{item.name}Filter", SEARCH) for item in registry.by_name.values() if item.searched}
    edges = {
        (f"{item.name}Filter", field.name)
        for item in registry.by_name.values()
        for field in item.fields.values()
        if isinstance(field, ToOne | ToMany | ToAny) and item.name != "Viewer"  # there is one viewer, and no list
    }
    found = await seen(world, built, fields | roots, searched | edges)
    assert fields - found.fields == set(), "fields that no generated operation asks for"
    assert roots - found.fields == set(), "root fields that none asks for"
    assert ARGUMENTS - found.arguments == set(), "arguments that none gives"
    assert searched - found.entries == set(), "types that none searches"
    assert edges - found.entries == set(), "edges that no filter follows"
