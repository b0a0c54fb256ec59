"""Organizations and people, made as the platform makes them, and signed in without the cost of a password."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.identity.organizations import OrganizationKind
from db.identity.sessions import Session
from db.identity.users import User
from db.session import Database
from domain.context import Actor
from domain.identity import credentials, organizations
from domain.identity.passwords import HASHER
from domain.identity.rules.roles import OWNER
from domain.identity.tenancy import resolve
from domain.identity.tokens import keys
from runtime.settings import Settings

PASSWORD = "glacier-mandolin-57-oak"


@lru_cache
def password_hash() -> str:
    return HASHER.hash(PASSWORD)


@dataclass(frozen=True)
class Person:
    """Somebody signed in. `token` is an access token of `session_id` in `org_id`."""

    user_id: UUID
    email: str
    org_id: UUID
    membership_id: UUID | None
    session_id: UUID
    token: str


async def organization(db: Database, *, kind: OrganizationKind = OrganizationKind.AMO) -> tuple[UUID, str]:
    """Id and slug of a new organization."""
    slug = f"org-{uuid7().hex[-12:]}"
    async with db.platform() as session:
        now = datetime.now(UTC)
        return (
            await organizations.found(session, name=f"Test {slug}", kind=kind, time_zone="UTC", now=now, slug=slug),
            slug,
        )


async def person(
    db: Database,
    settings: Settings,
    org_id: UUID,
    *roles: str,
    member: bool = True,
    is_superuser: bool = False,
    email: str | None = None,
) -> Person:
    """A verified person, an owner without `roles`, with the password PASSWORD and a session."""
    now = datetime.now(UTC)
    user_id = uuid7()
    email = email or f"p{user_id.hex[-12:]}@example.com"
    async with db.platform() as session:
        session.add(User(id=user_id, email=email, name="Pat Doe", email_verified_at=now, is_superuser=is_superuser))
        await session.flush()
        await credentials.store(session, user_id, password_hash(), now)
        membership_id = None
        if member:
            membership_id = organizations.join(session, org_id, user_id, list(roles or [OWNER]), now)
        session_id = begun(session, org_id, user_id)
    token = access_token(settings, session_id, org_id, user_id)
    return Person(user_id, email, org_id, membership_id, session_id, token)


async def signed_in(db: Database, settings: Settings, org_id: UUID, user_id: UUID) -> tuple[UUID, str]:
    """A session and its access token."""
    async with db.platform() as session:
        session_id = begun(session, org_id, user_id)
    return session_id, access_token(settings, session_id, org_id, user_id)


def begun(session: AsyncSession, org_id: UUID, user_id: UUID) -> UUID:
    session_id = uuid7()
    session.add(Session(id=session_id, user_id=user_id, current_org_id=org_id))
    return session_id


def access_token(settings: Settings, session_id: UUID, org_id: UUID, user_id: UUID) -> str:
    return keys(settings).issue(
        session_id=session_id, user_id=user_id, org_id=org_id, token_id=uuid7(), now=datetime.now(UTC)
    )


async def owner(db: Database, settings: Settings) -> Person:
    """The owner of a new organization."""
    org_id, _slug = await organization(db)
    return await person(db, settings, org_id)


async def actor(db: Database, someone: Person) -> Actor:
    """The actor that the resolver makes of a person."""
    async with db.platform() as session:
        found = await resolve(session, someone.org_id, someone.user_id, session_id=someone.session_id)
    assert found is not None
    return found


__all__ = ["PASSWORD", "Person", "actor", "organization", "owner", "person", "signed_in"]
