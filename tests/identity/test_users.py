"""Registering, verifying, resetting passwords, profiles and superusers, over HTTP and with real mail."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import func, select
from uuid_utils.compat import uuid7

from db.events.jobs import Job, JobState
from db.identity.organizations import Organization
from db.identity.users import OneTimeToken, User, UserCredential
from db.session import Database
from domain.errors import UserErrors
from domain.events.heartbeats import WorkerIdentity
from domain.identity.users import create_superuser
from runtime.settings import Settings
from tests.conftest import Mailbox
from tests.factories import identity
from tests.factories.api import Api
from tests.factories.identity import PASSWORD, Person
from workers import service  # noqa: F401 - registers the jobs
from workers.jobs import Runner

ERRORS = "errors { code message path }"
REGISTER = f"mutation($input: RegisterInput!) {{ register(input: $input) {{ accepted {ERRORS} }} }}"
VERIFY = f"mutation($input: VerifyEmailInput!) {{ verifyEmail(input: $input) {{ verified {ERRORS} }} }}"
AGAIN = f"mutation($input: MailInput!) {{ requestVerification(input: $input) {{ accepted {ERRORS} }} }}"
FORGOT = f"mutation($input: MailInput!) {{ requestPasswordReset(input: $input) {{ accepted {ERRORS} }} }}"
RESET = f"mutation($input: ResetPasswordInput!) {{ resetPassword(input: $input) {{ reset {ERRORS} }} }}"
SIGN_IN = f"mutation($input: SignInInput!) {{ signIn(input: $input) {{ accessToken isImpersonating {ERRORS} }} }}"
VIEWER = """{ viewer { name email timeZone isSuperuser isImpersonating permissions roles version
    organization { slug name } organizations { nodes { slug } } sessions { nodes { isCurrent } } } }"""

Mails = Callable[[str, str], Awaitable[EmailMessage]]


@pytest.fixture
async def mails(db: Database, settings: Settings, smtp: Mailbox) -> Mails:
    """Run the waiting jobs of an address as a worker does, and read the mail that arrives."""
    runner = Runner(db, None, settings, WorkerIdentity())

    async def read(email: str, subject: str) -> EmailMessage:
        await run_jobs(db, runner, email)
        return await asyncio.to_thread(smtp.to, email, subject)

    return read


async def run_jobs(db: Database, runner: Runner, email: str) -> None:
    for field in ("email", "to"):
        async with db.platform() as session:
            waiting = select(Job.id, Job.attempts).where(
                Job.state == JobState.QUEUED, func.lower(Job.arguments[field].as_string()) == email.lower()
            )
            rows = (await session.execute(waiting)).all()
        for row in rows:
            await runner.run(row.id, row.attempts + 1)


def token_in(mail: EmailMessage) -> str:
    found = re.search(r'token: "([\w-]+)"', mail.get_content())
    assert found
    return found[1]


def new_email() -> str:
    return f"new{uuid7().hex[-12:]}@example.com"


def registration(address: str, **values: Any) -> dict[str, Any]:
    return {
        "email": address,
        "password": PASSWORD,
        "name": "Nina Nowak",
        "organizationName": "Nowak Aero",
        "kind": "FBO",
        "timeZone": "Europe/Warsaw",
    } | values


async def test_register_verify_and_sign_in(api: Api, mails: Mails) -> None:
    email = new_email()
    await api.done(REGISTER, input=registration(email))
    sign_in = {"email": email.upper(), "password": PASSWORD}
    assert await api.refusals(SIGN_IN, input=sign_in) == [("NOT_ALLOWED", ["input", "email"])]
    token = token_in(await mails(email, "Verify"))
    assert (await api.done(VERIFY, input={"token": token}))["verified"]
    assert await api.refusals(VERIFY, input={"token": token}) == [("EXPIRED", ["input", "token"])]
    signed_in = await api.done(SIGN_IN, input=sign_in)
    viewer = (await api.as_(signed_in["accessToken"]).data(VIEWER))["viewer"]
    assert (viewer["name"], viewer["email"], viewer["timeZone"]) == ("Nina Nowak", email, "Europe/Warsaw")
    assert viewer["organization"]["name"] == "Nowak Aero"
    assert viewer["organization"]["slug"].startswith("nowak-aero")
    assert viewer["organizations"]["nodes"] == [{"slug": viewer["organization"]["slug"]}]
    assert viewer["roles"] == ["OWNER"]
    assert viewer["sessions"]["nodes"] == [{"isCurrent": True}]
    assert not viewer["isSuperuser"]
    assert "ROLE_MANAGE" in viewer["permissions"]


async def test_registering_a_known_address_looks_the_same(
    api: Api, db: Database, settings: Settings, owner: Person, mails: Mails
) -> None:
    unknown = new_email()
    answers, seconds = [], []
    for email in (unknown, owner.email.upper()):
        begun = monotonic()
        answers.append(await api.answer(REGISTER, input=registration(email, password="another-gondola-93-fern")))
        seconds.append(monotonic() - begun)
    assert answers[0] == answers[1]
    assert min(seconds) >= 0.5
    mail = await mails(owner.email, "already")
    assert "token" not in mail.get_content()
    assert (await api.done(SIGN_IN, input={"email": owner.email, "password": PASSWORD}))["accessToken"]


async def test_registering_twice_before_verifying_keeps_one_account(api: Api, db: Database, mails: Mails) -> None:
    email = new_email()
    await api.done(REGISTER, input=registration(email))
    first = token_in(await mails(email, "Verify"))
    await api.done(REGISTER, input=registration(email, organizationName="Impostor", password="another-gondola-93"))
    second = token_in(await mails(email, "Verify"))
    assert first != second
    async with db.platform() as session:
        assert not await session.scalar(select(func.count()).where(Organization.name == "Impostor"))
    assert await api.refusals(VERIFY, input={"token": first}) == [("EXPIRED", ["input", "token"])]
    await api.done(VERIFY, input={"token": second})
    assert (await api.done(SIGN_IN, input={"email": email, "password": PASSWORD}))["accessToken"]


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"password": "short"}, ("TOO_WEAK", ["input", "password"])),
        ({"password": "nowakaero2026"}, ("TOO_WEAK", ["input", "password"])),
        ({"email": "nobody"}, ("INVALID", ["input", "email"])),
        ({"email": "a@b.com\r\nBcc: all@example.com"}, ("INVALID", ["input", "email"])),
        ({"name": "  "}, ("REQUIRED", ["input", "name"])),
        ({"name": "x" * 201}, ("TOO_LONG", ["input", "name"])),
        ({"name": "a\nb"}, ("INVALID", ["input", "name"])),
        ({"name": "bell\x07"}, ("INVALID", ["input", "name"])),
        ({"organizationName": ""}, ("REQUIRED", ["input", "organizationName"])),
        ({"timeZone": "Mars/Olympus"}, ("INVALID", ["input", "timeZone"])),
    ],
)
async def test_what_registration_refuses(api: Api, values: dict[str, Any], refused: Any) -> None:
    assert await api.refusals(REGISTER, input=registration(new_email(), **values)) == [refused]


async def test_another_verification_mail_replaces_the_first(api: Api, mails: Mails) -> None:
    email = new_email()
    await api.done(REGISTER, input=registration(email))
    first = token_in(await mails(email, "Verify"))
    await api.done(AGAIN, input={"email": email})
    second = token_in(await mails(email, "Verify"))
    assert first != second
    await api.done(VERIFY, input={"token": second})


async def test_a_mail_for_nobody_is_not_sent(api: Api, db: Database, settings: Settings) -> None:
    email = new_email()
    for mutation in (AGAIN, FORGOT):
        assert (await api.done(mutation, input={"email": email}))["accepted"]
    await run_jobs(db, Runner(db, None, settings, WorkerIdentity()), email)
    async with db.platform() as session:
        results = (await session.scalars(select(Job.result).where(Job.arguments["email"].as_string() == email))).all()
    assert list(results) == [{"sent": False}, {"sent": False}]


async def test_resetting_a_password_ends_all_sessions(api: Api, db: Database, owner: Person, mails: Mails) -> None:
    fresh = "paper-lantern-river-8"
    await api.done(FORGOT, input={"email": owner.email})
    token = token_in(await mails(owner.email, "password"))
    refused = await api.refusals(RESET, input={"token": token, "password": "password1234"})
    assert refused == [("TOO_WEAK", ["input", "password"])]
    await api.done(RESET, input={"token": token, "password": fresh})
    assert await api.as_(owner.token).code(VIEWER) == "UNAUTHENTICATED"
    assert await api.refusals(SIGN_IN, input={"email": owner.email, "password": PASSWORD})
    assert (await api.done(SIGN_IN, input={"email": owner.email, "password": fresh}))["accessToken"]
    assert await api.refusals(RESET, input={"token": token, "password": fresh}) == [("EXPIRED", ["input", "token"])]


async def test_tokens_expire_and_are_not_kept_in_clear(api: Api, db: Database, owner: Person, mails: Mails) -> None:
    await api.done(FORGOT, input={"email": owner.email})
    token = token_in(await mails(owner.email, "password"))
    async with db.platform() as session:
        row = (await session.scalars(select(OneTimeToken).where(OneTimeToken.user_id == owner.user_id))).one()
        assert token.encode() not in row.token_hash
        row.expires_at = row.created_at
        jobs = (await session.scalars(select(Job.arguments).where(Job.state == JobState.DONE))).all()
    assert token not in str(jobs)
    assert await api.refusals(RESET, input={"token": token, "password": PASSWORD}) == [("EXPIRED", ["input", "token"])]
    assert await api.refusals(VERIFY, input={"token": token}) == [("EXPIRED", ["input", "token"])]


async def test_the_profile_is_ones_own(api: Api, owner: Person) -> None:
    update = f"""mutation($input: UpdateProfileInput!) {{
        updateProfile(input: $input) {{ user {{ name timeZone }} {ERRORS} }} }}"""
    me = api.as_(owner.token)
    done = await me.done(update, input={"expectedVersion": 1, "name": "Pat Q. Doe", "timeZone": "Asia/Tokyo"})
    assert done["user"] == {"name": "Pat Q. Doe", "timeZone": "Asia/Tokyo"}
    assert await me.code(update, input={"expectedVersion": 1, "name": "Late"}) == "CONFLICT"
    assert await me.refusals(update, input={"expectedVersion": 2, "timeZone": "X"}) == [
        ("INVALID", ["input", "timeZone"])
    ]


async def test_a_superuser_signs_in_anywhere_by_slug(api: Api, db: Database, settings: Settings) -> None:
    email = new_email()
    first = await create_superuser(settings, email, "Root Operator", PASSWORD)
    assert await create_superuser(settings, email.upper(), "Root Operator", PASSWORD) == first
    _org_id, slug = await identity.organization(db)
    sign_in = {"email": email, "password": PASSWORD}
    home = await api.done(SIGN_IN, input=sign_in)
    assert not home["isImpersonating"]
    viewer = (await api.as_(home["accessToken"]).data(VIEWER))["viewer"]
    assert viewer["organization"]["slug"] == "system"
    away = await api.done(SIGN_IN, input=sign_in | {"organization": slug})
    assert away["isImpersonating"]
    viewer = (await api.as_(away["accessToken"]).data(VIEWER))["viewer"]
    assert viewer["organization"]["slug"] == slug
    assert viewer["isImpersonating"]
    assert viewer["isSuperuser"]
    assert viewer["roles"] == []
    assert "MEMBER_MANAGE" in viewer["permissions"]
    assert await api.refusals(SIGN_IN, input=sign_in | {"organization": "no-such-place"})


async def test_a_superuser_needs_a_strong_password(settings: Settings) -> None:
    with pytest.raises(UserErrors):
        await create_superuser(settings, new_email(), "Root", "password1234")


async def test_bcrypt_hashes_work_once_and_are_replaced(api: Api, db: Database, owner: Person) -> None:
    import bcrypt

    async with db.platform() as session:
        row = await session.get_one(UserCredential, owner.user_id)
        row.password_hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    wrong = {"email": owner.email, "password": f"{PASSWORD}!"}
    assert await api.refusals(SIGN_IN, input=wrong)
    right = wrong | {"password": PASSWORD}
    assert (await api.done(SIGN_IN, input=right))["accessToken"]
    async with db.platform() as session:
        row = await session.get_one(UserCredential, owner.user_id)
        assert row.password_hash.startswith("$argon2id$")
    assert (await api.done(SIGN_IN, input=right))["accessToken"]


async def test_people_of_other_organizations_are_not_there(
    api: Api, db: Database, settings: Settings, owner: Person
) -> None:
    stranger = await identity.owner(db, settings)
    query = "query($id: ID!) { user(id: $id) { name } node(id: $id) { id } users { nodes { id } totalCount } }"
    found = await api.as_(owner.token).data(query, id=f"usr_{stranger.user_id}")
    assert found["user"] is None
    assert found["node"] is None
    assert found["users"] == {"nodes": [{"id": f"usr_{owner.user_id}"}], "totalCount": 1}
    async with db.tenant(owner.org_id, owner.user_id) as session:
        assert (await session.scalars(select(User.id))).all() == [owner.user_id]
