"""Organizations and their settings, over HTTP and below it."""

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from db.identity.organizations import Organization
from db.session import Database
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import Person

FIELDS = "id name slug kind modules timeZone workingDayStart workingDayEnd maxSessions isPlatform version"
READ = f"{{ organization {{ {FIELDS} }} }}"
UPDATE = f"""mutation($input: UpdateOrganizationInput!) {{
    updateOrganization(input: $input) {{ organization {{ {FIELDS} }} errors {{ code message path }} }} }}"""


async def test_what_an_organization_starts_with(api: Api, owner: Person) -> None:
    found = (await api.as_(owner.token).data(READ))["organization"]
    assert found["id"] == f"org_{owner.org_id}"
    assert found["kind"] == "AMO"
    assert found["modules"] == ["FLEET", "MAINTENANCE", "QUALITY", "WORKFORCE"]
    assert (found["workingDayStart"], found["workingDayEnd"]) == ("09:00", "18:00")
    assert found["maxSessions"] == 3
    assert not found["isPlatform"]


async def test_settings_change_and_count_versions(api: Api, owner: Person) -> None:
    me = api.as_(owner.token)
    slug = f"renamed-{owner.org_id.hex[-12:]}"
    changed = {
        "name": "Skyline & Sons",
        "slug": slug,
        "modules": ["TASKS", "FLEET", "TASKS"],
        "timeZone": "Asia/Tokyo",
        "workingDayStart": "07:30",
        "workingDayEnd": "16:00",
        "maxSessions": 5,
    }
    found = (await me.done(UPDATE, input=changed | {"expectedVersion": 1}))["organization"]
    assert found["version"] == 2
    assert {name: found[name] for name in changed} == changed | {"modules": ["FLEET", "TASKS"]}
    again = (await me.done(UPDATE, input=changed | {"expectedVersion": 2}))["organization"]
    assert again["version"] == 2, "saying the same again changes nothing"
    assert await me.code(UPDATE, input={"expectedVersion": 1, "name": "Late"}) == "CONFLICT"


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"name": " "}, ("REQUIRED", ["input", "name"])),
        ({"slug": "No Slug"}, ("INVALID", ["input", "slug"])),
        ({"slug": "system"}, ("INVALID", ["input", "slug"])),
        ({"timeZone": "Nowhere"}, ("INVALID", ["input", "timeZone"])),
        ({"maxSessions": 0}, ("OUT_OF_RANGE", ["input", "maxSessions"])),
        ({"maxSessions": 21}, ("OUT_OF_RANGE", ["input", "maxSessions"])),
        ({"workingDayStart": "25:00"}, ("INVALID", ["input", "workingDayStart"])),
        ({"workingDayStart": "9"}, ("INVALID", ["input", "workingDayStart"])),
        ({"workingDayStart": "20:00"}, ("INVALID", ["input", "workingDayEnd"])),
    ],
)
async def test_settings_that_are_refused(api: Api, owner: Person, values: dict[str, Any], refused: Any) -> None:
    assert await api.as_(owner.token).refusals(UPDATE, input=values | {"expectedVersion": 1}) == [refused]


async def test_a_slug_belongs_to_one_organization(api: Api, db: Database, owner: Person) -> None:
    _org_id, taken = await identity.organization(db)
    refused = await api.as_(owner.token).refusals(UPDATE, input={"expectedVersion": 1, "slug": taken})
    assert refused == [("TAKEN", ["input", "slug"])]


async def test_only_who_manages_the_organization_changes_it(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    viewer = await identity.person(db, settings, owner.org_id, "VIEWER")
    me = api.as_(viewer.token)
    assert (await me.data(READ))["organization"]["name"]
    assert await me.code(UPDATE, input={"expectedVersion": 1, "name": "Mine"}) == "FORBIDDEN"


async def test_row_level_security_alone_hides_other_organizations(db: Database, owner: Person) -> None:
    """Without any predicate of ours: the organization, those the person belongs to, and nothing else."""
    other, _slug = await identity.organization(db)
    async with db.tenant(owner.org_id, owner.user_id) as session:
        assert (await session.scalars(select(Organization.id))).all() == [owner.org_id]
    async with db.tenant(owner.org_id) as session:
        rename = text("UPDATE organizations SET name = 'x' WHERE id = :id RETURNING id")
        assert (await session.scalars(rename, {"id": other})).all() == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM user_credentials",
        "SELECT * FROM one_time_tokens",
        "SELECT * FROM refresh_tokens",
        "UPDATE organizations SET is_platform = true",
        "UPDATE users SET is_superuser = true",
        "UPDATE users SET email = 'x@example.com'",
        "UPDATE sessions SET current_org_id = current_org_id",
        "INSERT INTO organizations (id, slug, name, kind) VALUES (gen_random_uuid(), 'xxx', 'x', 'AMO')",
        "DELETE FROM memberships",
        "DELETE FROM users",
    ],
)
async def test_requests_lack_the_privilege(db: Database, owner: Person, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with db.tenant(owner.org_id, owner.user_id) as session:
            await session.execute(text(statement))


async def test_nothing_is_visible_without_an_organization(db: Database, owner: Person) -> None:
    async with db.tenant(None, None) as session:  # type: ignore[arg-type]  # what no caller may do
        for table in ("organizations", "users", "memberships", "departments", "roles", "sessions"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
