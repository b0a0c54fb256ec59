"""People: registering, verifying e-mail addresses, passwords, profiles and superusers."""

from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import cast, func, select, update
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.events import outbox
from db.identity.memberships import Membership
from db.identity.organizations import OrganizationKind
from db.identity.sessions import EndReason
from db.identity.users import TokenPurpose, User
from db.session import Database
from domain.context import Ctx
from domain.entities import access, change
from domain.errors import ErrorCode, ForbiddenError, UserError, UserErrors, refuse
from domain.identity import credentials, mails, one_time, organizations, passwords, sessions
from domain.identity.gate import Gate
from domain.identity.limits import Limiter
from domain.identity.mails import Template
from domain.identity.revocation import Scope, announce
from domain.identity.rules import emails, limits
from domain.identity.rules.organizations import time_zone_problem
from domain.identity.rules.roles import OWNER
from runtime.settings import Settings

PLATFORM_SLUG = "system"


async def register(
    gate: Gate,
    *,
    email: str,
    password: str,
    name: str,
    organization_name: str,
    kind: OrganizationKind,
    time_zone: str = "UTC",
) -> None:
    """Make an unverified person, an organization and its owner, and ask for the mail with the link.

    Answers the same, and as late, when the e-mail is known already; that person gets another mail.
    """
    begun = monotonic()
    name, organization_name = name.strip(), organization_name.strip()
    _check_registration(name, organization_name, time_zone)
    email = emails.normalize(email, "input", "email")
    await passwords.check_strength(password, [email, name, organization_name], "input", "password")
    await _limit_mail(gate, email)
    password_hash = await passwords.hash_password(password)
    async with gate.transaction() as session:
        user_id = await _new_user(session, email=email, name=name, time_zone=time_zone, gate=gate)
        org_id = None
        if user_id is not None:
            await credentials.store(session, user_id, password_hash, gate.now)
            org_id = await organizations.open_for(
                gate, session, user_id, name=organization_name, kind=kind, time_zone=time_zone
            )
            ctx = gate.context(session, org_id, user_id)
            ctx.record("user.registered", "usr", user_id, after={"email": email, "name": name})
        template = Template.ALREADY_REGISTERED if user_id is None else Template.VERIFY_EMAIL
        mails.ask(session, template, email, gate.now, org_id=org_id)
    await credentials.level(begun)


def _check_registration(name: str, organization_name: str, time_zone: str) -> None:
    problems: list[UserError] = []
    if problem := organizations.name_problem(name):
        problems.append(problem)
    if problem := organizations.name_problem(organization_name):
        problems.append(UserError(problem.code, problem.message, ("input", "organizationName")))
    if reason := time_zone_problem(time_zone):
        problems.append(UserError(ErrorCode.INVALID, reason, ("input", "timeZone")))
    if problems:
        raise UserErrors(*problems)


async def _new_user(
    session: AsyncSession, *, email: str, name: str, time_zone: str, gate: Gate, **values: Any
) -> UUID | None:
    """The id of a person made now; None when the e-mail is known, whatever its case."""
    made: UUID | None = await session.scalar(
        insert(User)
        .values(id=uuid7(), email=email, name=name, time_zone=time_zone, created_at=gate.now, **values)
        .on_conflict_do_nothing(index_elements=[func.lower(User.email)])
        .returning(User.id)
    )
    return made


async def _limit_mail(gate: Gate, email: str) -> None:
    await gate.limiter.take(limits.MAIL_ADDRESS, gate.client.address)
    await gate.limiter.take(limits.MAIL_ACCOUNT, email)


async def request_verification(gate: Gate, *, email: str) -> None:
    """Ask for another verification mail. Says nothing about the account; the worker decides what to send."""
    await _ask_for_mail(gate, email, Template.VERIFY_EMAIL)


async def request_password_reset(gate: Gate, *, email: str) -> None:
    """Ask for a mail that allows a new password. Says nothing about the account."""
    await _ask_for_mail(gate, email, Template.RESET_PASSWORD)


async def _ask_for_mail(gate: Gate, email: str, template: Template) -> None:
    email = emails.normalize(email, "input", "email")
    await _limit_mail(gate, email)
    async with gate.transaction() as session:
        mails.ask(session, template, email, gate.now)


async def verify_email(gate: Gate, *, token: str) -> UUID:
    """Spend a verification token; the person may sign in from now on."""
    await gate.limiter.take(limits.TOKEN_ADDRESS, gate.client.address)
    async with gate.transaction() as session:
        user_id = await one_time.use(session, token, TokenPurpose.VERIFY_EMAIL, gate.now)
        if user_id is None:
            raise _stale("Ask for another verification mail.")
        await _verified(gate, session, user_id)
    return user_id


async def reset_password(gate: Gate, *, token: str, password: str) -> UUID:
    """Set a new password with a token from a mail. All sessions end; the address counts as verified."""
    await gate.limiter.take(limits.TOKEN_ADDRESS, gate.client.address)
    async with gate.transaction() as session:
        user_id = await one_time.use(session, token, TokenPurpose.RESET_PASSWORD, gate.now)
        if user_id is None:
            raise _stale("Ask for another mail to reset the password.")
        user = await session.get_one(User, user_id)
        await passwords.check_strength(password, [user.email, user.name], "input", "password")
        await credentials.store(session, user_id, await passwords.hash_password(password), gate.now)
        ctx = await _verified(gate, session, user_id)
        if ctx is not None:
            ctx.record("user.password_reset", "usr", user_id)
            await sessions.end_all(ctx, user_id, EndReason.PASSWORD_RESET)
    return user_id


def _stale(advice: str) -> UserErrors:
    return refuse(ErrorCode.EXPIRED, f"The link is not valid, was used or has expired. {advice}", "input", "token")


async def _verified(gate: Gate, session: AsyncSession, user_id: UUID) -> Ctx | None:
    """Mark the address as verified. Returns where the person's events go: the organization they joined first."""
    user = await session.get_one(User, user_id)
    org_id = await session.scalar(
        select(Membership.org_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.created_at, Membership.id)
        .limit(1)
    )
    ctx = gate.context(session, org_id, user_id) if org_id else None
    if user.email_verified_at is None:
        user.email_verified_at = gate.now
        if ctx is not None:
            ctx.record("user.email_verified", "usr", user_id, after={"email": user.email})
    await announce(session, Scope.USER, user_id)
    return ctx


async def update_profile(ctx: Ctx, *, expected_version: int, **values: Any) -> UUID:
    """Change one's own name or time_zone."""
    if ctx.actor.user_id is None:
        raise ForbiddenError("Only a person has a profile.")
    user = await access(ctx, User, ctx.actor.user_id, "user", expected_version)
    values = {key: str(value).strip() for key, value in values.items()}
    if "name" in values and (problem := organizations.name_problem(values["name"])):
        raise UserErrors(problem)
    if "time_zone" in values and (reason := time_zone_problem(values["time_zone"])):
        raise refuse(ErrorCode.INVALID, reason, "input", "timeZone")
    before, after = change(user, **values)
    if after:
        ctx.record("user.updated", "usr", user.id, before=before, after=after)
        await _tell_others(ctx, "user.updated", before, after)
    return user.id


async def _tell_others(ctx: Ctx, type: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Record an event of the actor, who is locked, in every other organization that sees them."""
    changed = func.identity_person_changed(type, cast(before, JSON), cast(after, JSON), ctx.now)
    outbox.concern(ctx.session, await ctx.session.scalars(select(changed)))


async def create_superuser(settings: Settings, email: str, name: str, password: str) -> UUID:
    """Make (or promote) a verified superuser in the platform organization; sets the password either way.

    UserErrors when the e-mail, the name or the password will not do.
    """
    email = emails.normalize(email, "email")
    if problem := organizations.name_problem(name):
        raise UserErrors(UserError(problem.code, problem.message, ("name",)))
    await passwords.check_strength(password, [email, name], "password")
    password_hash = await passwords.hash_password(password)
    db = Database(settings, pooled=False)
    try:
        gate = Gate(db, settings, Limiter())
        async with gate.transaction() as session:
            return await _superuser(gate, session, email=email, name=name.strip(), password_hash=password_hash)
    finally:
        await db.close()


async def ensure_verified(
    gate: Gate, session: AsyncSession, *, email: str, name: str, password_hash: str, time_zone: str = "UTC"
) -> UUID:
    """Make a verified person as the platform; one who exists is marked verified and otherwise left alone."""
    made = await _new_user(session, email=email, name=name, time_zone=time_zone, gate=gate)
    if made is not None:
        await credentials.store(session, made, password_hash, gate.now)
    query = (
        update(User)
        .where(func.lower(User.email) == email.lower())
        .values(email_verified_at=func.coalesce(User.email_verified_at, gate.now))
        .returning(User.id)
    )
    user_id: UUID = (await session.execute(query)).scalar_one()
    return user_id


async def _superuser(gate: Gate, session: AsyncSession, *, email: str, name: str, password_hash: str) -> UUID:
    org_id = await organizations.by_slug(session, PLATFORM_SLUG) or await organizations.found(
        session,
        name="Platform",
        kind=OrganizationKind.OPERATIONS,
        time_zone="UTC",
        now=gate.now,
        slug=PLATFORM_SLUG,
        is_platform=True,
    )
    user_id = await ensure_verified(gate, session, email=email, name=name, password_hash=password_hash)
    await session.execute(update(User).where(User.id == user_id).values(is_superuser=True, version=User.version + 1))
    await credentials.store(session, user_id, password_hash, gate.now)
    member = select(Membership.id).where(Membership.org_id == org_id, Membership.user_id == user_id)
    if await session.scalar(member) is None:
        organizations.join(session, org_id, user_id, [OWNER], gate.now)
    gate.context(session, org_id, user_id).record("user.made_superuser", "usr", user_id, after={"email": email})
    await announce(session, Scope.USER, user_id)
    return user_id
