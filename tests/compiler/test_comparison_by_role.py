"""Under each built-in role, and a custom one of few permissions: what may be read is equal, what may not is refused.

Every other operation asks for whatever there is, so that many of them are beyond the caller; the rest stay within
what the caller may see.
"""

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given, strategies

from domain.context import Actor
from domain.identity.rules.roles import BUILT_IN
from domain.permissions import Permission
from tests.compiler.comparing import compare
from tests.compiler.conftest import ALL, World, actor
from tests.compiler.facts import Known
from tests.compiler.population import ORGS
from tests.compiler.reference import Reference, gather

FEW = frozenset({Permission.FLEET_READ})
# Each set of permissions once: what the engine knows of a role is what it allows.
CALLERS = list(dict.fromkeys([FEW, *(role.permissions for role in BUILT_IN.values())]))


@dataclass
class References:
    """One for each set of permissions, made when a caller first has it."""

    world: World
    made: dict[tuple[str, str], Reference] = field(default_factory=dict)
    known: Known = field(default_factory=dict)

    async def of(self, who: Actor) -> Reference:
        key = (str(who.org_id), who.fingerprint)
        if key not in self.made:
            built = self.world.platform.schema
            self.made[key] = Reference(built, await gather(self.world.owner, built, who, self.known))
        return self.made[key]


@pytest.fixture(scope="session")
def references(world: World) -> References:
    return References(world)


@given(
    strategies.integers(0, 2**64),
    strategies.sampled_from(CALLERS),
    strategies.sampled_from(ORGS),
    strategies.booleans(),
)
async def test_generated_operations_under_each_role(
    world: World, references: References, seed: int, held: frozenset[str], org: UUID, beyond: bool
) -> None:
    who = actor(org, frozenset(str(permission) for permission in held))
    await compare(world, await references.of(who), who, seed, ALL if beyond else who.permissions)
