"""Compares one generated operation: what the engine answers, and refuses, with what the reference does."""

import json
import random
import re

import pytest
from graphql import parse
from hypothesis import assume

from domain.context import Actor
from tests.compiler.conftest import World
from tests.compiler.generate import Generator
from tests.compiler.reference import Reference
from tests.compiler.refusing import Touched

NEEDED = re.compile(r"\S+ needs ([A-Z_]+(?:, [A-Z_]+)*)")


async def compare(world: World, reference: Reference, who: Actor, seed: int, allowed: frozenset[str]) -> None:
    """Fails when the two differ on the operation of this seed, which may ask for what `allowed` reaches."""
    generator = Generator(world.platform.schema, reference, random.Random(seed), allowed)
    document, variables = generator.operation()
    answer = await world.ask(document, variables, who)
    error = (answer.get("errors") or [{}])[0]
    code = error.get("extensions", {}).get("code")
    # Pages inside pages may add up to more rows than an operation may ask for: those are no examples.
    assume(code != "COST_LIMIT_EXCEEDED")
    known = world.platform.engine.preparer.known(document, None)
    parsed = known.document if known else parse(document)  # a third of the time would go into parsing it again
    missing = Touched(reference.built, reference.schema, variables).missing(parsed, who.permissions)
    compiled, expected = json.dumps(answer), json.dumps({"forbidden": sorted(missing)})
    if code == "FORBIDDEN" and "data" not in answer:
        compiled = json.dumps({"forbidden": sorted(named(error["message"]))})
    if not missing:
        expected = json.dumps({"data": reference.run(parsed, variables)})
    if compiled != expected:
        said = f"{document}\nvariables {json.dumps(variables)}\ncompiled {compiled}\nexpected {expected}"
        pytest.fail(f"seed {seed}, permissions {sorted(who.permissions)}\n{said}", False)


def named(message: str) -> set[str]:
    """The permissions that a refusal names."""
    return {name for found in NEEDED.finditer(message) for name in found[1].split(", ")}
