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
    """What generated operations hold, up to the one that makes these and ARGUMENTS complete. Two of three begin at a
    root field of a type of which something is missing: left to chance, the last of many types takes long to come up."""
    reference = Reference(built, await gather(world.owner, built, actor()))
    collected = Seen(TypeInfo(built.core))
    for seed in range(OPERATIONS):
        unseen, unfilled = fields - collected.fields, entries - collected.entries
        missing = {name for name, _ in unseen | unfilled}
        if not missing and collected.arguments >= ARGUMENTS:
            break
        generator = Generator(built, reference, random.Random(seed), actor().permissions)
        generator.preferred = unfilled if seed % 3 else frozenset()
        targets = [root for root in built.roots.values() if root.target]
        wanted = [root for root in targets if belongs(root.target.name) & missing]
        # What has no root field of its own is reached through those that lead to it.
        hidden = {name.removesuffix("Filter").removesuffix("Connection") for name in missing}
        hidden -= {root.target.name for root in targets}
        wanted += [root for root in targets if hidden & {getattr(e, "target", "") for e in root.target.fields.values()}]
        wanted += [root for name, root in built.roots.items() if ("Query", name) in unseen]
        if wanted and seed % 3:
            made = generator.assembled(generator.root(random.Random(seed).choice(wanted), 0))
        else:
            made = generator.operation()
        visit(parse(made[0]), TypeInfoVisitor(collected.info, collected))
    return collected


def belongs(name: str) -> set[str]:
    return {name, f"{name}Connection", f"{name}Filter"}


@pytest.mark.parametrize("room", ["platform", "things"])
async def test_generated_operations_cover_the_schema(world: World, room: str) -> None:
    built = world.platform.schema if room == "platform" else things.schema()
    registry = built.registry
    # What both have is looked for in the platform's schema.
    known = set() if room == "platform" else set(world.platform.schema.core.type_map)
    projections = [item for item in registry.by_name.values() if item.name not in known]
    facets = [item for item in registry.facets.values() if item.name not in known]
    objects = {item.name: item.fields for item in (*projections, *facets)}
    fields = {(name, field) for name, held in objects.items() for field in held} | {
        (kind.name, field)
        for kind in built.core.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind.name.removesuffix("Connection") in objects
        for field in kind.fields
    }
    roots = {("Query", name) for name, root in built.roots.items() if not known or root.target in projections}
    searched = {(f"{item.name}Filter", SEARCH) for item in projections if item.searched}
    # Of what there is one for each viewer there is no list to filter.
    listed = {root.target.name for root in built.roots.values() if root.target and root.kind == "many"}
    listed |= {field.target for item in projections for field in item.fields.values() if isinstance(field, ToMany)}
    edges = {
        (f"{item.name}Filter", field.name)
        for item in projections
        for field in item.fields.values()
        if isinstance(field, ToOne | ToMany | ToAny) and item.name in listed
    }
    found = await seen(world, built, fields | roots, searched | edges)
    assert fields - found.fields == set(), "fields that no generated operation asks for"
    assert roots - found.fields == set(), "root fields that none asks for"
    assert ARGUMENTS - found.arguments == set(), "arguments that none gives"
    assert searched - found.entries == set(), "types that none searches"
    assert edges - found.entries == set(), "edges that no filter follows"
