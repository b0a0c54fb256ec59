"""The demo's fleet."""

import pytest
from sqlalchemy import func, select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.fleet.utilisation import UtilisationEntry
from db.session import Database
from domain.demo import HARBOUR, SKYLINE, DemoOrganization
from domain.identity.tenancy import Authenticator
from runtime.settings import Settings
from tests.factories import fleet


@pytest.mark.parametrize("organization", [SKYLINE, HARBOUR], ids=lambda each: each.slug)
async def test_a_believable_fleet(demo_settings: Settings, organization: DemoOrganization) -> None:
    db = Database(demo_settings, pooled=False)
    try:
        actor = await Authenticator(db, demo_settings).for_cli(organization.slug)
        async with db.tenant(actor.org_id, actor.user_id) as session:
            made = {
                model.__tablename__: int(await session.scalar(select(func.count()).select_from(model)) or 0)
                for model in (AircraftType, Aircraft)
            }
            flights = await session.scalar(select(func.count()).select_from(UtilisationEntry)) or 0
            ids = (await session.scalars(select(Aircraft.id))).all()
            statuses = set(await session.scalars(select(Aircraft.status)))
        assert made == {"aircraft_types": 6, "aircraft": 30 if organization is SKYLINE else 12}
        assert flights > 30 * made["aircraft"]
        assert statuses >= {"ACTIVE", "MAINTENANCE", "STORED"}
        for aircraft_id in ids:
            minutes, cycles = await fleet.totals(db, actor, aircraft_id)
            assert 0 < cycles < minutes
            assert minutes < 60 * 100_000
    finally:
        await db.close()
