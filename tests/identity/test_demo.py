"""The demo, loaded by the domain commands."""

from sqlalchemy import func, select

from db.events.outbox import OutboxEvent
from db.identity.memberships import Membership
from db.identity.organizations import Organization
from db.session import Database
from domain import demo as command
from domain.identity.gate import Gate
from domain.identity.limits import Limiter
from domain.identity.sessions import sign_in
from runtime.settings import Settings
from tests.conftest import Demo


async def counts(db: Database) -> list[int]:
    """How many organizations, memberships and events there are."""
    tables = (Organization, Membership, OutboxEvent)
    async with db.platform() as session:
        query = select(*(select(func.count()).select_from(table).scalar_subquery() for table in tables))
        return list((await session.execute(query)).one())


async def test_the_demo_loads_once_and_everybody_signs_in(demo: Demo, demo_settings: Settings) -> None:
    db = Database(demo_settings, pooled=False)
    try:
        before = await counts(db)
        assert before[:2] == [2, 13]
        assert await command.load(demo_settings) == demo.people
        assert await counts(db) == before
        gate = Gate(db, demo_settings, Limiter())
        for person in demo.people:
            tokens = await sign_in(
                gate, email=person["email"], password=person["password"], organization=person["organization"]
            )
            assert not tokens.impersonating
        async with db.platform() as session:
            held = (await session.scalars(select(Membership.roles))).all()
        assert sorted(held) == sorted(person["roles"] for person in demo.people)
    finally:
        await db.close()
