"""An organization of its own for every test: who manages quality, who leads the workshop, and who works there."""

from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from db.identity.departments import DepartmentRole
from db.session import Database
from domain.context import Actor
from domain.identity import departments
from runtime.settings import Settings
from tests.conftest import Server
from tests.factories import fleet, identity
from tests.factories.api import Api
from tests.factories.identity import Person

LEAD, MEMBER = DepartmentRole.LEAD, DepartmentRole.MEMBER


@dataclass(frozen=True)
class Crew:
    """`head` is the accountable manager, `quality` manages it; `lead` and `mechanic` are the workshop's."""

    head: Person
    quality: Person
    lead: Person
    mechanic: Person
    boss: Actor
    manager: Actor
    worker: Actor
    workshop: UUID
    http: httpx.AsyncClient

    @property
    def org_id(self) -> UUID:
        return self.quality.org_id

    def api(self, person: Person) -> Api:
        return Api(self.http, person.token)


@pytest.fixture
async def crew(db: Database, settings: Settings, server: Server, http: httpx.AsyncClient) -> Crew:
    """With the application running, which relays their events."""
    owner = await identity.owner(db, settings)
    head, quality, lead, mechanic = [
        await identity.person(db, settings, owner.org_id, role)
        for role in ("ACCOUNTABLE_MANAGER", "QUALITY_MANAGER", "TECHNICIAN", "TECHNICIAN")
    ]
    boss = await identity.actor(db, owner)
    async with fleet.command(db, boss) as ctx:
        workshop = await departments.create(ctx, name="Workshop")
        await departments.set_member(ctx, workshop, user_id=lead.user_id, role=LEAD)
        await departments.set_member(ctx, workshop, user_id=mechanic.user_id, role=MEMBER)
    manager, worker = await identity.actor(db, quality), await identity.actor(db, mechanic)
    return Crew(head, quality, lead, mechanic, boss, manager, worker, workshop, http)
