"""An organization of its own for every test: its owner, and Ines and Otto, of whom only Ines is in the department."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from db.session import Database
from domain.context import Actor
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.collaboration import department
from tests.factories.identity import Person


@dataclass(frozen=True)
class Someone:
    """A person, and the running application asked by them."""

    person: Person
    actor: Actor
    api: Api


@dataclass(frozen=True)
class Place:
    owner: Someone
    ines: Someone
    otto: Someone
    department_id: UUID

    @property
    def everybody(self) -> str:
        """The organization's channel."""
        return f"fch_{self.owner.actor.org_id}"

    @property
    def hangar(self) -> str:
        """The department's channel."""
        return f"fch_{self.department_id}"


async def someone(db: Database, http: httpx.AsyncClient, person: Person) -> Someone:
    return Someone(person, await identity.actor(db, person), Api(http, person.token))


@pytest.fixture
async def place(db: Database, settings: Settings, http: httpx.AsyncClient) -> Place:
    owner = await identity.owner(db, settings)
    ines, otto = [await identity.person(db, settings, owner.org_id, "MEMBER") for _ in range(2)]
    founder = await someone(db, http, owner)
    made = await department(db, founder.actor, "Hangar", ines)
    return Place(founder, await someone(db, http, ines), await someone(db, http, otto), made)
