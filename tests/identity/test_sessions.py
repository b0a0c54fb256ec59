"""Signing in and out, refreshing and switching, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from db.events import outbox
from db.events.log import EventLog
from db.events.outbox import OutboxEvent
from db.identity.organizations import Organization
from db.identity.sessions import RefreshToken, Session
from db.session import Database
from domain.identity.upkeep import sweep
from runtime.settings import Settings
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.events import event
from tests.factories.identity import PASSWORD, Person

ERRORS = "errors { code message path }"
TOKENS = "accessToken refreshToken sessionId userId organizationId isImpersonating"
SIGN_IN = f"mutation($input: SignInInput!) {{ signIn(input: $input) {{ {TOKENS} {ERRORS} }} }}"
REFRESH = f"mutation($input: RefreshInput!) {{ refresh(input: $input) {{ {TOKENS} {ERRORS} }} }}"
SWITCH = f"mutation($input: SwitchOrganizationInput!) {{ switchOrganization(input: $input) {{ {TOKENS} {ERRORS} }} }}"
SIGN_OUT = f"mutation($id: ID) {{ signOut(id: $id) {{ sessionId {ERRORS} }} }}"
SIGN_OUT_ALL = f"mutation {{ signOutAll {{ ended {ERRORS} }} }}"
WHO = "{ viewer { id organization { slug } } }"
SESSIONS = """{ viewer { session { id } sessions {
    nodes { id isCurrent deviceId userAgent address endReason organization { slug } } } } }"""


def credentials(someone: Person, **values: Any) -> dict[str, Any]:
    return {"email": someone.email, "password": PASSWORD} | values


async def events(db: Database, org_id: Any) -> list[tuple[str, UUID | None]]:
    """Type and impersonator of each of the organization's events, pending or numbered."""
    found: dict[UUID, tuple[str, UUID | None]] = {}
    # Pending ones first: one that the relay moves meanwhile is then seen twice, and not missed.
    for table in (OutboxEvent, EventLog):
        async with db.platform() as session:
            query = select(table.id, table.type, table.impersonator_id).where(table.org_id == org_id)
            for row in await session.execute(query):
                found[row.id] = (row.type, row.impersonator_id)
    return list(found.values())


async def test_a_session_knows_its_device(api: Api, owner: Person) -> None:
    headers = {"user-agent": "Cockpit/7", "x-device-id": "tablet-12"}
    tokens = await api.done(SIGN_IN, headers, input=credentials(owner))
    viewer = (await api.as_(tokens["accessToken"]).data(SESSIONS))["viewer"]
    assert viewer["session"] == {"id": tokens["sessionId"]}
    [mine] = [found for found in viewer["sessions"]["nodes"] if found["isCurrent"]]
    assert mine["id"] == tokens["sessionId"]
    assert mine["userAgent"] == "Cockpit/7"
    assert mine["deviceId"] == "tablet-12"
    assert mine["address"] == "127.0.0.1"
    assert mine["endReason"] is None


@pytest.mark.parametrize(
    "values", [{"password": "wrong-but-long-enough"}, {"email": "nobody@example.com"}, {"organization": "no-such"}]
)
async def test_refusals_look_alike(api: Api, owner: Person, values: dict[str, Any]) -> None:
    begun = monotonic()
    answer = await api.answer(SIGN_IN, input=credentials(owner, **values))
    [error] = answer["data"]["signIn"]["errors"]
    assert error["message"] == "The e-mail address, the password or the organization is wrong."
    assert error["path"] == ["input"]
    assert "organization" in values or monotonic() - begun >= 0.5


async def test_guessing_is_slowed_down_for_the_account_alone(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    """Five attempts at once, then one a minute; others sign in meanwhile."""
    wrong = credentials(owner, password="wrong-but-long-enough")
    for _ in range(5):
        await api.refusals(SIGN_IN, input=wrong)
    assert await api.code(SIGN_IN, input=wrong) == "RATE_LIMITED"
    assert await api.code(SIGN_IN, input=credentials(owner)) == "RATE_LIMITED"
    colleague = await identity.person(db, settings, owner.org_id)
    for _ in range(6):
        assert (await api.done(SIGN_IN, input=credentials(colleague)))["accessToken"]


async def test_a_fourth_sign_in_ends_the_least_recently_used(api: Api, db: Database, owner: Person) -> None:
    first = await api.done(SIGN_IN, input=credentials(owner))
    second = await api.done(SIGN_IN, input=credentials(owner))
    # The session of the factory is the third; it and the first are used after the second.
    first = await api.done(REFRESH, input={"refreshToken": first["refreshToken"]})
    async with db.platform() as session:
        row = await session.get_one(Session, owner.session_id)
        row.last_used_at = datetime.now(UTC)
    fourth = await api.done(SIGN_IN, input=credentials(owner))
    for token in (owner.token, first["accessToken"], fourth["accessToken"]):
        assert (await api.as_(token).data(WHO))["viewer"]
    assert await api.as_(second["accessToken"]).code(WHO) == "UNAUTHENTICATED"
    assert await api.code(REFRESH, input={"refreshToken": second["refreshToken"]}) == "UNAUTHENTICATED"
    ended = [found for found in (await api.as_(owner.token).data(SESSIONS))["viewer"]["sessions"]["nodes"]
             if found["endReason"]]  # fmt: skip
    assert [(found["id"], found["endReason"]) for found in ended] == [(second["sessionId"], "SESSION_LIMIT")]


async def test_sign_ins_at_once_keep_the_limit(api: Api, db: Database, owner: Person) -> None:
    await asyncio.gather(*(api.done(SIGN_IN, input=credentials(owner)) for _ in range(4)))
    async with db.platform() as session:
        query = select(Session.id).where(Session.user_id == owner.user_id, Session.ended_at.is_(None))
        assert len((await session.scalars(query)).all()) == 3


async def test_the_limit_is_the_organizations(api: Api, db: Database, owner: Person) -> None:
    async with db.tenant(owner.org_id, owner.user_id) as session:
        await session.execute(update(Organization).where(Organization.id == owner.org_id).values(max_sessions=1))
        outbox.record(session, event(owner.org_id))
    await api.done(SIGN_IN, input=credentials(owner))
    assert await api.as_(owner.token).code(WHO) == "UNAUTHENTICATED"


async def test_refresh_tokens_rotate(api: Api, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    for _ in range(3):
        fresh = await api.done(REFRESH, input={"refreshToken": tokens["refreshToken"]})
        assert fresh["sessionId"] == tokens["sessionId"]
        assert fresh["refreshToken"] != tokens["refreshToken"]
        assert (await api.as_(fresh["accessToken"]).data(WHO))["viewer"]
        tokens = fresh


async def test_a_spent_refresh_token_ends_its_session(api: Api, db: Database, owner: Person) -> None:
    stolen = await api.done(SIGN_IN, input=credentials(owner))
    fresh = await api.done(REFRESH, input={"refreshToken": stolen["refreshToken"]})
    assert await api.code(REFRESH, input={"refreshToken": stolen["refreshToken"]}) == "UNAUTHENTICATED"
    assert await api.as_(fresh["accessToken"]).code(WHO) == "UNAUTHENTICATED"
    assert await api.code(REFRESH, input={"refreshToken": fresh["refreshToken"]}) == "UNAUTHENTICATED"
    assert (await api.as_(owner.token).data(WHO))["viewer"], "other sessions live on"
    assert ("session.token_reused", None) in await events(db, owner.org_id)


async def test_one_refresh_token_used_at_once_gives_tokens_once(api: Api, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    answers = await asyncio.gather(
        *(api.answer(REFRESH, input={"refreshToken": tokens["refreshToken"]}) for _ in range(4))
    )
    assert sum("errors" not in answer for answer in answers) == 1


@pytest.mark.parametrize("token", ["", "x", "💥", "a" * 5000])
async def test_what_is_no_refresh_token(api: Api, token: str) -> None:
    assert await api.code(REFRESH, input={"refreshToken": token}) == "UNAUTHENTICATED"


async def test_refresh_tokens_expire_after_three_days(api: Api, db: Database, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    async with db.platform() as session:
        row = (await session.scalars(select(RefreshToken).order_by(RefreshToken.created_at.desc()).limit(1))).one()
        assert row.expires_at - row.created_at == timedelta(days=3)
        assert tokens["refreshToken"].encode() not in row.token_hash
        row.expires_at = row.created_at
    assert await api.code(REFRESH, input={"refreshToken": tokens["refreshToken"]}) == "UNAUTHENTICATED"


async def test_sign_out_ends_this_session_only(api: Api, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    me = api.as_(tokens["accessToken"])
    assert (await me.done(SIGN_OUT))["sessionId"] == tokens["sessionId"]
    assert await me.code(WHO) == "UNAUTHENTICATED"
    assert await api.code(REFRESH, input={"refreshToken": tokens["refreshToken"]}) == "UNAUTHENTICATED"
    assert (await api.as_(owner.token).data(WHO))["viewer"]


async def test_another_session_of_ones_own_can_be_ended(api: Api, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    await api.as_(owner.token).done(SIGN_OUT, id=tokens["sessionId"])
    assert await api.as_(tokens["accessToken"]).code(WHO) == "UNAUTHENTICATED"


async def test_sessions_of_others_cannot_be_ended_or_seen(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    colleague = await identity.person(db, settings, owner.org_id)
    me = api.as_(owner.token)
    assert await me.code(SIGN_OUT, id=f"ses_{colleague.session_id}") == "NOT_FOUND"
    node = await me.data("query($id: ID!) { node(id: $id) { id } }", id=f"ses_{colleague.session_id}")
    assert node == {"node": None}
    seen = (await me.data(SESSIONS))["viewer"]["sessions"]["nodes"]
    assert [found["id"] for found in seen] == [f"ses_{owner.session_id}"]
    assert (await api.as_(colleague.token).data(WHO))["viewer"]


async def test_sign_out_all_ends_every_session(api: Api, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    assert (await api.as_(owner.token).done(SIGN_OUT_ALL))["ended"] == 2
    for token in (owner.token, tokens["accessToken"]):
        assert await api.as_(token).code(WHO) == "UNAUTHENTICATED"


async def test_switching_moves_the_session(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    from domain.identity import organizations

    org_id, slug = await identity.organization(db)
    async with db.platform() as session:
        organizations.join(session, org_id, owner.user_id, ["VIEWER"], datetime.now(UTC))
    me = api.as_(owner.token)
    listed = (await me.data("{ organizations { nodes { slug } } }"))["organizations"]["nodes"]
    assert {"slug": slug} in listed
    assert len(listed) == 2
    tokens = await me.done(SWITCH, input={"organization": slug})
    assert tokens["sessionId"] == f"ses_{owner.session_id}"
    assert tokens["organizationId"] == f"org_{org_id}"
    there = (await api.as_(tokens["accessToken"]).data(WHO))["viewer"]
    assert there["organization"]["slug"] == slug
    assert await me.code(WHO) == "UNAUTHENTICATED"
    again = await api.done(REFRESH, input={"refreshToken": tokens["refreshToken"]})
    assert again["organizationId"] == f"org_{org_id}"
    # The next sign-in without a slug goes where the person worked last.
    assert (await api.done(SIGN_IN, input=credentials(owner)))["organizationId"] == f"org_{org_id}"


async def test_nobody_switches_to_a_foreign_organization(api: Api, db: Database, owner: Person) -> None:
    _org_id, slug = await identity.organization(db)
    me = api.as_(owner.token)
    for there in (slug, "no-such-organization"):
        assert await me.code(SWITCH, input={"organization": there}) == "NOT_FOUND"
    assert (await me.data(WHO))["viewer"]
    assert await api.code(SWITCH, input={"organization": slug}) == "UNAUTHENTICATED"


async def test_sign_ins_are_events(api: Api, db: Database, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    await api.as_(tokens["accessToken"]).done(SIGN_OUT)
    found = await events(db, owner.org_id)
    assert found.count(("session.started", None)) == 1
    assert found.count(("session.ended", None)) == 1


async def test_every_event_of_an_impersonation_names_the_superuser(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    superuser = await identity.person(db, settings, owner.org_id, member=False, is_superuser=True)
    create = "mutation($input: CreateDepartmentInput!) { createDepartment(input: $input) { errors { code } } }"
    await api.as_(superuser.token).done(create, input={"name": "Made from outside"})
    assert ("department.created", superuser.user_id) in await events(db, owner.org_id)


async def test_the_sweep_ends_expired_sessions_and_forgets_old_tokens(api: Api, db: Database, owner: Person) -> None:
    tokens = await api.done(SIGN_IN, input=credentials(owner))
    now = datetime.now(UTC)
    async with db.platform() as session:
        row = await session.get_one(Session, owner.session_id)
        row.last_used_at = now - timedelta(days=3)
    async with db.platform() as session:
        assert await sweep(session, now) >= 1
    assert await api.as_(owner.token).code(WHO) == "UNAUTHENTICATED"
    assert (await api.as_(tokens["accessToken"]).data(WHO))["viewer"]
    async with db.platform() as session:
        left = select(RefreshToken.id).where(RefreshToken.session_id == UUID(tokens["sessionId"][4:]))
        assert (await session.scalars(left)).all(), "a token that can still be used is kept"
