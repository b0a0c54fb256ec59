"""The demo's fleet."""

import pytest
from sqlalchemy import func, select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.fleet.utilisation import UtilisationEntry
from db.identity.organizations import OrganizationKind
from db.session import Database
from domain.context import Actor
from domain.fleet import demo
from runtime.settings import Settings
from tests.factories import fleet, identity


async def shape(db: Database, actor: Actor) -> dict[str, int]:
    async with db.tenant(actor.org_id, actor.user_id) as session:
        return {
            model.__tablename__: int(await session.scalar(select(func.count()).select_from(model)) or 0)
            for model in (AircraftType, Aircraft, UtilisationEntry)
        }


@pytest.mark.parametrize("kind", [OrganizationKind.AMO, OrganizationKind.FBO, OrganizationKind.CLOUD])
async def test_a_believable_fleet(db: Database, settings: Settings, kind: OrganizationKind) -> None:
    org_id, _slug = await identity.organization(db, kind=kind)
    actor = await identity.actor(db, await identity.person(db, settings, org_id))
    await demo.load(db, actor)
    made = await shape(db, actor)
    assert made == {"aircraft_types": 6, "aircraft": 24, "utilisation_entries": 24 * 37 + 4}
    await demo.load(db, actor)
    assert await shape(db, actor) == made
    async with db.tenant(actor.org_id, actor.user_id) as session:
        ids = (await session.scalars(select(Aircraft.id))).all()
        statuses = set(await session.scalars(select(Aircraft.status)))
    assert statuses == {"ACTIVE", "MAINTENANCE", "STORED", "RETIRED"}
    for aircraft_id in ids:
        minutes, cycles = await fleet.totals(db, actor, aircraft_id)
        assert 0 < cycles < minutes
        assert minutes < 60 * 100_000
