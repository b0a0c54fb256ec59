"""The compiler's answers equal the reference executor's, on generated operations."""

import json
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings, strategies

from domain.context import Actor
from domain.permissions import Permission
from tests.compiler.conftest import ALL, World, actor
from tests.compiler.generate import Generator
from tests.compiler.population import ORGS
from tests.compiler.reference import Reference, gather

THOROUGH = bool(os.environ.get("OPSGRAPH_THOROUGH"))
OPERATIONS = 5_000 if THOROUGH else 600
READER = frozenset({Permission.FLEET_READ.value})


@pytest.fixture(scope="session")
async def references(world: World) -> list[tuple[Actor, Reference]]:
    built = world.platform.schema
    actors = [actor(), actor(ORGS[1]), actor(permissions=READER)]
    return [(who, Reference(built, await gather(world.owner, built, who))) for who in actors]


async def test_population_covers_every_projection(references: list[tuple[Actor, Reference]]) -> None:
    _, reference = references[0]
    empty = [name for name, rows in reference.facts.self_rows.items() if not rows]
    assert not empty, f"tests/compiler/population.py gives no rows of {empty}"


@settings(
    max_examples=OPERATIONS,
    deadline=None,
    database=None,
    derandomize=not THOROUGH,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(strategies.integers(0, 2**64), strategies.integers(0, 2))
async def test_generated_operations(
    world: World, references: list[tuple[Actor, Reference]], seed: int, which: int
) -> None:
    who, reference = references[which]
    document, variables = generated(world, reference, who, seed)
    answer = await world.ask(document, variables, who)
    # Pages inside pages may add up to more rows than an operation may ask for: those are no examples.
    assume(answer.get("errors", [{}])[0].get("extensions", {}).get("code") != "COST_LIMIT_EXCEEDED")
    compiled, expected = json.dumps(answer), json.dumps({"data": reference.run(document, variables)})
    if compiled != expected:
        pytest.fail(f"{document}\nvariables {json.dumps(variables)}\ncompiled {compiled}\nexpected {expected}", False)


def generated(world: World, reference: Reference, who: Actor, seed: int) -> tuple[str, dict[str, Any]]:
    generator = Generator(world.platform.schema, reference, random.Random(seed), who.permissions)
    return generator.operation()


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
        assert compiled == reference.run(document, variables)
        cursor = compiled["aircraftList"]["pageInfo"]["endCursor"] or cursor
    prepared = world.platform.engine.preparer.known(document, None)
    assert prepared
    assert len(prepared.plans) == 2  # without and with a cursor
    assert set(ALL) == set(who.permissions)
