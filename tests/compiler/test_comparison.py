"""The compiler's answers equal the reference executor's, on generated operations of people who may do everything."""

import pytest
from graphql import parse
from hypothesis import given, strategies

from domain.context import Actor
from tests.compiler.comparing import compare
from tests.compiler.conftest import ALL, World, actor
from tests.compiler.population import ORGS
from tests.compiler.reference import Reference, gather


@pytest.fixture(scope="session")
async def references(world: World) -> list[tuple[Actor, Reference]]:
    built = world.platform.schema
    return [(who, Reference(built, await gather(world.owner, built, who))) for who in (actor(), actor(ORGS[1]))]


async def test_population_covers_every_projection(references: list[tuple[Actor, Reference]]) -> None:
    _, reference = references[0]
    empty = [name for name, rows in reference.facts.self_rows.items() if not rows]
    assert not empty, f"tests/compiler/population.py gives no rows of {empty}"


@given(strategies.integers(0, 2**64), strategies.integers(0, 1))
async def test_generated_operations(
    world: World, references: list[tuple[Actor, Reference]], seed: int, which: int
) -> None:
    who, reference = references[which]
    await compare(world, reference, who, seed, who.permissions)


async def test_a_plan_serves_later_variables(world: World, references: list[tuple[Actor, Reference]]) -> None:
    """One document, planned once, run with many values of one shape: each answer is its own."""
    who, reference = references[0]
    document = """query ($after: String, $where: AircraftFilter, $id: ID!) {
        aircraftList(first: 3, after: $after, where: $where) { nodes { registration } pageInfo { endCursor } }
        aircraft(id: $id) { registration } }"""
    cursor = None
    for row in reference.facts.rows["Aircraft"][:8]:
        variables = {
            "after": cursor,
            "where": {"registration": {"ne": row.registration}},
            "id": f"ac_{row.id}",
        }
        compiled = await world.data(document, variables, who)
        assert compiled == reference.run(parse(document), variables)
        cursor = compiled["aircraftList"]["pageInfo"]["endCursor"] or cursor
    prepared = world.platform.engine.preparer.known(document, None)
    assert prepared
    assert len(prepared.plans) == 2  # without and with a cursor
    assert set(ALL) == set(who.permissions)
