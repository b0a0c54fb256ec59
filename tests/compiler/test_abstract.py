"""Edges to interfaces and unions: what is shown, what is hidden, what is refused, and what it costs."""

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import parse

from db.events.log import EventLog
from domain.permissions import Permission
from graph.compiler.abstract import Abstract, case, facet, to_any, union
from graph.compiler.branches import MAX_BRANCHES
from graph.compiler.projection import column, computed, projection, to_one
from graph.compiler.registry import Registry
from graph.context import Platform
from tests.compiler import things
from tests.compiler.conftest import ALL, World, actor
from tests.compiler.generate import Generator
from tests.compiler.population import ORGS
from tests.compiler.reference import Reference, gather

NO_FLEET = ALL - {Permission.FLEET_READ.value}


async def events(world: World, selection: str, *, permissions: frozenset[str] = ALL, where: str = "{}") -> list[Any]:
    document = f"{{ events(first: 100, orderBy: [{{sequence: ASC}}], where: {where}) {{ nodes {{ {selection} }} }} }}"
    nodes: list[Any] = (await world.data(document, who=actor(permissions=permissions)))["events"]["nodes"]
    return nodes


async def test_a_target_is_of_the_type_that_its_id_begins_with(world: World) -> None:
    found = await events(world, "targetId target { id __typename ... on Aircraft { registration type { model } } }")
    there = [each for each in found if each["target"]]
    assert {each["target"]["__typename"] for each in there} >= {
        "Aircraft",
        "AircraftType",
        "Department",
        "User",
        "Role",
    }
    assert all(each["target"]["id"] == each["targetId"] for each in there)
    aircraft = [each["target"] for each in there if each["target"]["__typename"] == "Aircraft"]
    assert all(set(each) == {"id", "__typename", "registration", "type"} for each in aircraft)
    gone = {each["targetId"] for each in found if not each["target"]}
    assert any(text.startswith("ac_") for text in gone)  # one that was deleted, one of the other organization
    assert any(text.startswith("xx_") for text in gone)  # a type that nobody knows
    assert {f"org_{ORGS[1]}"} <= gone


async def test_what_is_there_does_not_depend_on_what_is_asked_of_it(world: World) -> None:
    """A selection that asks nothing of a type still tells an object from none."""
    whole = await events(world, "target { __typename }")
    part = await events(world, "target { ... on Aircraft { registration } }")
    assert [bool(each["target"] is None) for each in whole] == [bool(each["target"] is None) for each in part]
    assert {} in [each["target"] for each in part]


@pytest.mark.parametrize(
    "selection",
    [
        "__typename",
        "id",
        "... on Node { id }",
        "...N",
        "... on Department { name }",
        "... on Aircraft @skip(if: true) { id }",
    ],
)
async def test_a_type_that_the_actor_may_not_see_is_hidden(world: World, selection: str) -> None:
    """Through the interface its objects are null, exactly like those that are gone."""
    document = f"{{ events(first: 100) {{ nodes {{ targetType target {{ {selection} }} }} }} }} "
    document += "fragment N on Node { id }" if selection == "...N" else ""
    found = (await world.data(document, who=actor(permissions=NO_FLEET)))["events"]["nodes"]
    fleet = [each["target"] for each in found if each["targetType"] in ("ac", "at", "ut")]
    assert fleet
    assert set(map(str, fleet)) == {"None"}
    assert any(each["target"] is not None for each in found)


@pytest.mark.parametrize(
    "selection",
    [
        "... on Aircraft { registration }",
        "... on Aircraft { __typename }",
        "id ... on Aircraft { id }",
        "... on Node { ... on Aircraft { id } }",
        "...A",
        "...B",
    ],
)
async def test_a_fragment_on_such_a_type_is_refused(world: World, selection: str) -> None:
    document = f"{{ events {{ nodes {{ target {{ {selection} }} }} }} }} "
    document += "fragment A on Aircraft { id } " if selection in ("...A", "...B") else ""
    document += "fragment B on Node { ...A }" if selection == "...B" else ""
    error = (await world.ask(document, who=actor(permissions=NO_FLEET)))["errors"][0]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "Aircraft" in error["message"]
    assert Permission.FLEET_READ.value in error["message"]


async def test_a_field_that_needs_more_is_refused_below_a_target_too(world: World) -> None:
    held = ALL - {Permission.MEMBER_READ.value}
    answer = await world.ask("{ events { nodes { target { ... on User { email } } } } }", who=actor(permissions=held))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_an_actor_is_a_person_a_superuser_or_the_platform(world: World) -> None:
    async with world.owner.connect() as connection:
        rows = (await connection.execute(EventLog.__table__.select().where(EventLog.org_id == ORGS[0]))).all()
    found = {
        each["id"]: each["actor"] for each in await events(world, "id actor { __typename name ... on User { id } }")
    }
    seen = set()
    for row in rows:
        shown = found[f"ev_{row.id}"]
        if row.actor_id is None:
            assert shown == {"__typename": "Platform", "name": "Opsgraph"}
        elif row.impersonator_id is not None:
            assert shown == {"__typename": "Superuser", "name": "Superuser"}
        elif shown is not None:
            assert shown["id"] == f"usr_{row.actor_id}"
        seen.add(shown and shown["__typename"])
    assert seen == {"Platform", "Superuser", "User", None}  # the last is a stranger


async def test_filters_follow_an_edge_to_one_type(world: World) -> None:
    aircraft = await events(world, "target { __typename }", where="{target: {aircraft: {}}}")
    assert {each["target"]["__typename"] for each in aircraft} == {"Aircraft"}
    named = await events(world, "actor { name }", where='{actor: {user: {name: {ne: "x"}}}}')
    assert named
    assert "Opsgraph" not in {each["actor"]["name"] for each in named}
    answer = await world.ask(
        "{ events(where: {not: {target: {aircraft: {}}}}) { totalCount } }", who=actor(permissions=NO_FLEET)
    )
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    followed = ", ".join(["{target: {aircraft: {type: {}}}}"] * 11)
    answer = await world.ask(f"{{ events(where: {{or: [{followed}]}}) {{ totalCount }} }}")
    assert answer["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"


async def test_all_branches_are_one_statement(world: World) -> None:
    document = (
        "{ events { nodes { actor { name } target { id ... on Aircraft { utilisation { nodes { minutes } } } } } } }"
    )
    await world.data(document)
    start = world.log.stat().st_size
    await world.data(document)
    assert len(world.statements(start)) == 1


async def test_branches_are_counted(world: World) -> None:
    async def cost(selection: str) -> int:
        engine = world.platform.engine
        prepared = engine.preparer.prepare(f"{{ events(first: 10) {{ nodes {{ {selection} }} }} }}", None)
        return engine.planner.query(prepared, engine.preparer.coerce(prepared, {}), actor()).cost

    plain, typename = await cost("sequence"), await cost("sequence target { __typename }")
    assert typename > plain + 10 * 5 // 10  # ten objects, and all the branches once
    # A row is of one type: two fragments cost as much as the dearer one.
    dear = "... on Aircraft { utilisation(first: 50) { nodes { minutes } } }"
    cheap = "... on Department { name }"
    assert await cost(f"target {{ {dear} {cheap} }}") == await cost(f"target {{ {dear} }}")
    assert await cost(f"target {{ {dear} }}") > 10 * 50
    many = " ".join(f"t{n}: target {{ id }}" for n in range(MAX_BRANCHES // 10))
    error = (await world.ask(f"{{ events {{ nodes {{ {many} }} }} }}"))["errors"][0]
    assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert "branches" in error["message"]
    inside = "utilisation(first: 100) { nodes { aircraft { utilisation(first: 100) { nodes { id } } } } }"
    pages = f"{{ events(first: 100) {{ nodes {{ target {{ ... on Aircraft {{ {inside} }} }} }} }} }}"
    error = (await world.ask(pages))["errors"][0]
    assert "rows" in error["message"]


@pytest.fixture(scope="module")
async def noted(world: World) -> AsyncIterator[World]:
    """The same data under a schema that has unions as well."""
    platform = Platform(world.platform.settings, things.schema())
    yield World(platform, world.owner, world.log)
    await platform.close()


@pytest.mark.parametrize("permissions", [ALL, ALL - {Permission.DEPARTMENT_READ.value}], ids=["all", "fewer"])
async def test_unions_and_facets_compare(noted: World, permissions: frozenset[str]) -> None:
    built, who = noted.platform.schema, actor(permissions=permissions)
    reference = Reference(built, await gather(noted.owner, built, who))
    compared = 0
    for seed in range(50):
        generator = Generator(built, reference, random.Random(seed), permissions)
        document, variables = generator.assembled(generator.root(built.roots["notes"], 0))
        answer = await noted.ask(document, variables, who)
        if answer.get("errors", [{}])[0].get("extensions", {}).get("code") != "COST_LIMIT_EXCEEDED":
            expected = json.dumps({"data": reference.run(parse(document), variables)})
            assert json.dumps(answer) == expected, (document, variables)
            compared += 1
    assert compared > 30


def bad_edge(edge: Any) -> Any:
    @projection(EventLog, prefix="bad")
    class Bad:
        """Wrong."""

        wrong = edge

    return Bad


@projection(EventLog, prefix="log")
class Entry:
    """An entry."""

    seq = column("Its number.")


@facet()
class Spare:
    """Nothing."""

    text = computed("Nothing.", str, lambda m, _: m.type)


@pytest.mark.parametrize(
    ("edge", "says"),
    [
        (lambda: to_any("Node", "x"), "give `type` and `via`, or `cases`"),
        (lambda: to_any("Node", "x", via="target_id"), "give `type` and `via`, or `cases`"),
        (lambda: to_any("Node", "x", type="t", via="v", cases=[case("Entry")]), "give `type` and `via`, or `cases`"),
        (lambda: to_any("Node", "x", cases=[case("Entry", via="id")], inverse=("back", "x")), "only one by `type`"),
        (
            lambda: to_any("Any", "x", type="target_type", via="target_id", inverse=("seq", "x")),
            "Entry has a field seq: Bad.wrong leads back by it",
        ),
        (lambda: to_any("Nobody", "x", type="target_type", via="target_id"), "no interface and no union"),
        (lambda: to_any("Node", "x", type="target_kind", via="target_id"), "no column target_kind"),
        (lambda: to_any("Node", "x", cases=[case("Entry", via="nothing")]), "no column nothing"),
        (lambda: to_any("Node", "x", cases=[case("Spare")]), "Spare is no Node"),
        (lambda: to_any("Node", "x", cases=[case("Entry")]), "a projection is found `via` a column"),
        (lambda: to_any("Any", "x", cases=[case("Spare", via="id")]), "a projection is found `via` a column"),
        (
            lambda: to_any("Any", "x", cases=[case("Entry", via="id"), case("Entry", via="target_id")]),
            "one case a proj",
        ),
        (lambda: to_one("Spare", "x", on=lambda me, other, _: me.id == other.id), "which is no projection"),
    ],
)
def test_a_wrong_edge_is_refused_when_it_is_declared(edge: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Registry([bad_edge(edge()), Entry], [union("Any", "x", ["Entry", "Spare"])], [Spare])


def test_a_wrong_union_or_interface_is_refused() -> None:
    with pytest.raises(TypeError, match="no object type"):
        Registry([Entry], [union("Any", "x", ["Entry", "Nothing"])])
    with pytest.raises(TypeError, match="one name"):
        Registry([Entry], [Abstract("Entry", "x")])
    with pytest.raises(TypeError, match="which is no interface"):
        Registry([things.Note])
    with pytest.raises(TypeError, match="only values can stand here"):
        facet()(type("Edge", (), {"__doc__": "x", "to": to_one("Entry", "x", via="id")}))
    with pytest.raises(TypeError, match="`computed` fields that only show"):
        facet()(type("Columns", (), {"__doc__": "x", "text": column("x")}))
