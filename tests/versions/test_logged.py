"""What `logged` promises: whatever changes what such a projection shows records an event where it is seen."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from db.identity.organizations import OrganizationKind
from db.identity.users import OneTimeToken, TokenPurpose
from db.session import Database
from domain.identity import users
from domain.identity.gate import Gate
from domain.identity.limits import Limiter
from domain.identity.one_time import create
from graph.compiler.coverage import Coverage
from graph.schema import build_schema
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings
from tests import logged
from tests.factories.identity import owner

TESTS = Path(__file__).parent.parent


async def test_a_change_without_an_event_is_caught(db: Database, settings: Settings) -> None:
    """Or else the other tests would prove nothing."""
    someone = await owner(db, settings)

    async def commit(change: str) -> None:
        async with db.tenant(someone.org_id, someone.user_id) as session:
            await session.execute(text(change.replace(":org", f"'{someone.org_id}'")))

    for change in (
        "UPDATE organizations SET name = 'Other'",
        "UPDATE users SET name = 'Other'",
        "INSERT INTO departments (org_id, id, name) VALUES (:org, gen_random_uuid(), 'Silent')",
    ):
        with pytest.raises(DBAPIError, match="is logged, and no event of organization"):
            await commit(change)


async def test_every_logged_table_is_watched(db: Database) -> None:
    async with db.platform() as session:
        query = text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'logged' AND tgenabled = 'O'")
        assert set(await session.scalars(query)) == logged.tables()


def test_every_mutation_is_run_by_a_test() -> None:
    """In a database that watches: what no test runs could forget its event."""
    schema = build_schema().core
    assert schema.mutation_type
    told = {word for path in TESTS.rglob("test_*.py") for word in re.findall(r"\w+", path.read_text())}
    assert schema.mutation_type.fields.keys() - told == set()


async def test_commands_of_the_platform_record_events(fresh_settings: Settings, servers: Throwaway) -> None:
    """Those that act as the system role: registering, e-mails, superusers. Loading the demo is watched in the same
    way where it is done (the fixture `demo`)."""
    servers.postgres.psql(logged.also_the_system(urlsplit(fresh_settings.database_url).path[1:]))
    db = Database(fresh_settings, pooled=False)
    gate = Gate(db, fresh_settings, Limiter())
    try:
        await users.register(
            gate,
            email="new@example.com",
            password="viaduct-lantern-38-reef",
            name="New",
            organization_name="New",
            kind=OrganizationKind.AMO,
        )
        for purpose, email in [
            (TokenPurpose.VERIFY_EMAIL, "new@example.com"),
            (TokenPurpose.RESET_PASSWORD, "new@example.com"),
        ]:
            async with db.platform() as session:
                user_id = await session.scalar(text("SELECT id FROM users WHERE email = :email"), {"email": email})
                assert user_id
                life = timedelta(hours=1)
                token = await create(session, user_id=user_id, purpose=purpose, now=gate.now, life=life)
            if purpose is TokenPurpose.VERIFY_EMAIL:
                await users.verify_email(gate, token=token)
            else:
                await users.reset_password(gate, token=token, password="harbour-trellis-92-moss")
        await users.create_superuser(fresh_settings, "root@example.com", "Root", "quarry-sextant-17-plume")
        await users.create_superuser(fresh_settings, "new@example.com", "Root", "quarry-sextant-17-plume")
        async with db.platform() as session:
            assert await session.scalar(select(OneTimeToken.used_at).limit(1)) is not None
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("touched", "sql", "self_scoped", "covered"),
    [
        ([("Query", "aircraftList"), ("Aircraft", "registration")], "SELECT FROM aircraft", False, True),
        ([("Query", "organizations"), ("Organization", "name")], "SELECT FROM organizations", True, False),
        ([("Query", "viewer"), ("Viewer", "name")], "SELECT FROM users", True, True),
        ([("Query", "viewer"), ("Viewer", "sessions")], "SELECT FROM users", True, False),
        ([("Query", "viewer"), ("Viewer", "organizations")], "SELECT FROM users, organizations", True, False),
        ([("Query", "viewer"), ("Viewer", "name")], 'SELECT FROM users, "sessions" t2', True, False),
        ([("Query", "node"), ("Aircraft", "id")], "SELECT FROM aircraft", False, True),
        ([("Query", "node"), ("Session", "__typename")], "SELECT 1", False, False),
        ([("Query", "node"), ("Organization", "name")], "SELECT FROM organizations", True, False),
        ([("Query", "aircraftList")], "SELECT now() FROM aircraft", False, False),
        ([("Query", "aircraftList")], "SELECT CURRENT_DATE FROM aircraft", False, False),
        ([("Query", "aircraftList")], "SELECT FROM jobs", False, False),
    ],
)
def test_what_is_covered(touched: list[tuple[str, str]], sql: str, self_scoped: bool, covered: bool) -> None:
    schema = build_schema()
    coverage = Coverage(schema.registry, schema.roots)
    assert coverage.covers("Query", touched, sql, self_scoped=self_scoped) is covered
