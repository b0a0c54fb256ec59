"""An organization of its own for every test of the fleet."""

import httpx
import pytest
from sqlalchemy import update

from db.events import outbox
from db.identity.organizations import Organization
from db.session import Database
from domain.context import Actor
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.events import event
from tests.factories.identity import Person


async def in_time_zone(db: Database, actor: Actor, time_zone: str) -> None:
    """Move the actor's organization."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        await session.execute(update(Organization).where(Organization.id == actor.org_id).values(time_zone=time_zone))
        outbox.record(session, event(actor.org_id))


@pytest.fixture
async def owner(db: Database, settings: Settings) -> Person:
    return await identity.owner(db, settings)


@pytest.fixture
async def actor(db: Database, owner: Person) -> Actor:
    return await identity.actor(db, owner)


@pytest.fixture
async def stranger(db: Database, settings: Settings) -> Actor:
    """Somebody in another organization."""
    return await identity.actor(db, await identity.owner(db, settings))


@pytest.fixture
def api(http: httpx.AsyncClient, owner: Person) -> Api:
    """The running application, asked by the owner of the test's organization."""
    return Api(http, owner.token)
