"""Mails about accounts. The command only asks for one; what it says is decided when the worker writes it.

So a command does the same work whether or not an account exists, and no secret waits in a job.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.events.jobs import Job
from db.identity.organizations import Organization
from db.identity.users import TokenPurpose, User, UserCredential, UserState
from domain.identity import one_time
from domain.identity.rules.sessions import RESET_PASSWORD_LIFE, VERIFY_EMAIL_LIFE, WELCOME_LIFE

KIND = "identity.mail"


class Template(StrEnum):
    """The texts in workers/identity/templates."""

    VERIFY_EMAIL = "verify_email"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a template, not a password
    WELCOME = "welcome"
    ADDED = "added"


@dataclass(frozen=True)
class Letter:
    """A mail to write: `values` fill the template."""

    email: str
    template: Template
    values: dict[str, str]


def ask(session: AsyncSession, template: Template, email: str, now: datetime, *, org_id: UUID | None = None) -> None:
    """Ask for a mail in this transaction."""
    arguments: dict[str, Any] = {"template": template, "email": email}
    session.add(Job(org_id=org_id, kind=KIND, arguments=arguments, run_after=now))


async def compose(
    session: AsyncSession, public_url: str, now: datetime, *, template: str, email: str, org_id: UUID | None
) -> Letter | None:
    """What to send for a job, with a fresh token in it; None when there is nothing to say to this address."""
    user = await session.scalar(
        select(User).where(func.lower(User.email) == email.lower(), User.state == UserState.ACTIVE)
    )
    settled = await _settle(session, Template(template), user) if user else None
    if user is None or settled is None:
        return None
    values = {"name": user.name, "email": user.email, "url": public_url.rstrip("/")}
    if org_id is not None:
        values["organization"] = await _organization_name(session, org_id)
    values |= await _secret(session, settled, user.id, now)
    return Letter(user.email, settled, values)


async def _settle(session: AsyncSession, asked: Template, user: User) -> Template | None:
    """The template that fits the account as it is by now."""
    verified = user.email_verified_at is not None
    if asked is Template.VERIFY_EMAIL:
        return None if verified else asked
    if asked is Template.ALREADY_REGISTERED:
        return asked if verified else Template.VERIFY_EMAIL
    if asked is Template.WELCOME:
        known = await session.scalar(select(UserCredential.user_id).where(UserCredential.user_id == user.id))
        return Template.ADDED if known else asked
    return asked


async def _secret(session: AsyncSession, template: Template, user_id: UUID, now: datetime) -> dict[str, str]:
    purpose, life = {
        Template.VERIFY_EMAIL: (TokenPurpose.VERIFY_EMAIL, VERIFY_EMAIL_LIFE),
        Template.RESET_PASSWORD: (TokenPurpose.RESET_PASSWORD, RESET_PASSWORD_LIFE),
        Template.WELCOME: (TokenPurpose.RESET_PASSWORD, WELCOME_LIFE),
    }.get(template, (None, None))
    if purpose is None or life is None:
        return {}
    secret = await one_time.create(session, user_id=user_id, purpose=purpose, now=now, life=life)
    return {"token": secret, "hours": str(int(life.total_seconds() // 3600))}


async def _organization_name(session: AsyncSession, org_id: UUID) -> str:
    return await session.scalar(select(Organization.name).where(Organization.id == org_id)) or "an organization"
