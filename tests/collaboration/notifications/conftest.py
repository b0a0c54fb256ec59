"""An organization of its own for every test, with an owner, a planner and a reader."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from db.session import Database
from domain.context import Actor
from runtime.settings import Settings
from tests.conftest import Server
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import Person


@dataclass(frozen=True)
class Crew:
    """The people of an organization; `api` asks as one of them."""

    owner: Person
    planner: Person
    reader: Person
    boss: Actor
    plans: Actor
    http: httpx.AsyncClient

    @property
    def org_id(self) -> UUID:
        return self.owner.org_id

    def api(self, person: Person) -> Api:
        return Api(self.http, person.token)


@pytest.fixture
async def crew(db: Database, settings: Settings, server: Server, http: httpx.AsyncClient) -> Crew:
    """With the application running, which relays their events."""
    owner = await identity.owner(db, settings)
    planner = await identity.person(db, settings, owner.org_id, "PLANNING_ENGINEER")
    reader = await identity.person(db, settings, owner.org_id, "MEMBER")
    return Crew(owner, planner, reader, await identity.actor(db, owner), await identity.actor(db, planner), http)
