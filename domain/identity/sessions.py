"""Signing in and out, refreshing, and moving a session to another organization."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.identity.sessions import EndReason, RefreshToken, Session
from db.identity.users import User, UserState
from domain.context import Ctx
from domain.errors import ErrorCode, ForbiddenError, NotFoundError, UnauthenticatedError, refuse
from domain.identity import credentials
from domain.identity.gate import Gate
from domain.identity.revocation import Scope, announce
from domain.identity.rules import limits
from domain.identity.rules.sessions import (
    ACCESS_TOKEN_LIFE,
    REFRESH_TOKEN_LIFE,
    LiveSession,
    expired,
    giving_way,
)
from domain.identity.tenancy import resolve


@dataclass(frozen=True)
class Tokens:
    """What a client keeps: the refresh token works once."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    session_id: UUID
    user_id: UUID
    org_id: UUID
    impersonating: bool


@dataclass(frozen=True)
class Place:
    """The organization a session works in. `impersonating`: a superuser who is no member of it."""

    org_id: UUID
    max_sessions: int
    impersonating: bool


async def sign_in(gate: Gate, *, email: str, password: str, organization: str | None = None) -> Tokens:
    """Start a session with e-mail and password in the organization with this slug, or the last one used.

    UserErrors when refused: neither the sentence nor the time it takes tells whether the account exists.
    """
    await gate.limiter.take(limits.SIGN_IN_ADDRESS, gate.client.address)
    await gate.limiter.take(limits.SIGN_IN_ACCOUNT, email.strip())
    user_id = await credentials.check(gate, email, password)
    async with gate.transaction() as session:
        # The lock makes the session limit hold when one person signs in twice at once.
        user = await session.scalar(select(User).where(User.id == user_id).with_for_update())
        if user is None or user.state != UserState.ACTIVE:
            raise credentials.wrong()
        if user.email_verified_at is None:
            raise refuse(
                ErrorCode.NOT_ALLOWED,
                "Verify your e-mail address first: follow the link we sent, or ask for another one.",
                "input",
                "email",
            )
        place = await _place(session, user, organization)
        if place is None:
            raise credentials.wrong() if organization else _homeless()
        tokens = await _start(gate, session, user, place)
    await gate.limiter.give_back(limits.SIGN_IN_ADDRESS, gate.client.address)
    await gate.limiter.give_back(limits.SIGN_IN_ACCOUNT, email.strip())
    return tokens


async def refresh(gate: Gate, *, refresh_token: str) -> Tokens:
    """Trade a refresh token for new tokens. One that was spent before is a stolen copy: its session ends.

    UnauthenticatedError when the token is unknown, spent or expired, or its session has ended.
    """
    await gate.limiter.take(limits.TOKEN_ADDRESS, gate.client.address)
    async with gate.transaction() as session:
        outcome = await _rotate(gate, session, refresh_token)
    if isinstance(outcome, str):
        raise UnauthenticatedError(outcome)
    await gate.limiter.give_back(limits.TOKEN_ADDRESS, gate.client.address)
    return outcome


async def switch_organization(gate: Gate, *, session_id: UUID, user_id: UUID, organization: str) -> Tokens:
    """Move a session to the organization with this slug; its older tokens stop working.

    NotFoundError when the person cannot work there, whether or not it exists.
    """
    async with gate.transaction() as session:
        user = await session.scalar(select(User).where(User.id == user_id))
        row = await session.scalar(
            select(Session).where(Session.id == session_id, Session.ended_at.is_(None)).with_for_update()
        )
        place = await _place(session, user, organization) if user else None
        if row is None or user is None or row.user_id != user_id:
            raise UnauthenticatedError("The session has ended; sign in again.")
        if place is None:
            raise NotFoundError(f"You belong to no organization with the slug '{organization[:60]}'.")
        origin, row.current_org_id, row.impersonating = row.current_org_id, place.org_id, place.impersonating
        ctx = gate.context(session, place.org_id, user.id, session_id=row.id, impersonating=place.impersonating)
        ctx.record("session.switched", "ses", row.id, before={"org_id": str(origin)}, after=_public(row))
        await session.execute(
            update(RefreshToken)
            .where(RefreshToken.session_id == row.id, RefreshToken.spent_at.is_(None))
            .values(spent_at=gate.now)
        )
        await announce(session, Scope.SESSION, row.id)
        return _issue(gate, session, row)


async def sign_out(ctx: Ctx, session_id: UUID | None = None) -> UUID:
    """End this session, or another one of the same person. NotFoundError for anything else."""
    wanted = session_id or ctx.actor.session_id
    row = await ctx.session.scalar(
        select(Session).where(Session.id == wanted, Session.user_id == ctx.actor.user_id, Session.ended_at.is_(None))
    )
    if row is None:
        raise NotFoundError("There is no such session, or it has ended.")
    await end(ctx, row, EndReason.SIGNED_OUT)
    return row.id


async def sign_out_all(ctx: Ctx) -> int:
    """End all sessions of this person, this one included; returns how many ended."""
    if ctx.actor.user_id is None:
        raise ForbiddenError("Only a person can sign out.")
    return await end_all(ctx, ctx.actor.user_id, EndReason.SIGNED_OUT_EVERYWHERE)


async def end_all(ctx: Ctx, user_id: UUID, reason: EndReason) -> int:
    """End every session of a person; returns how many ended."""
    query = select(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    rows = (await ctx.session.scalars(query)).all()
    for row in rows:
        await end(ctx, row, reason)
    return len(rows)


async def end(ctx: Ctx, row: Session, reason: EndReason) -> None:
    """End a session: its tokens stop working on every process when the transaction commits."""
    row.ended_at, row.end_reason = ctx.now, reason
    ctx.record("session.ended", "ses", row.id, after={"user_id": str(row.user_id), "end_reason": reason})
    await announce(ctx.session, Scope.SESSION, row.id)


async def _place(session: AsyncSession, user: User, slug: str | None) -> Place | None:
    """Where the person may work: the organization with the slug, or else the one they worked in last."""
    member = select(Membership.org_id).where(Membership.user_id == user.id, Membership.state == MembershipState.ACTIVE)
    query = select(Organization.id, Organization.max_sessions, Organization.id.not_in(member).label("foreign"))
    if slug:
        query = query.where(Organization.slug == slug.strip().lower())
        if not user.is_superuser:
            query = query.where(Organization.id.in_(member))
    else:
        last_used = (
            select(func.max(Session.last_used_at))
            .where(Session.user_id == user.id, Session.current_org_id == Organization.id)
            .scalar_subquery()
        )
        query = (
            query.where(Organization.id.in_(member))
            .order_by(last_used.desc().nulls_last(), Organization.created_at, Organization.id)
            .limit(1)
        )
    row = (await session.execute(query)).one_or_none()
    return Place(row.id, row.max_sessions, row.foreign) if row else None


async def _start(gate: Gate, session: AsyncSession, user: User, place: Place) -> Tokens:
    query = select(Session).where(Session.user_id == user.id, Session.ended_at.is_(None))
    rows = {row.id: row for row in (await session.scalars(query)).all()}
    live = [LiveSession(row.id, row.last_used_at) for row in rows.values()]
    over = expired(live, gate.now)
    for session_id in [*over, *giving_way(live, place.max_sessions, gate.now)]:
        reason = EndReason.EXPIRED if session_id in over else EndReason.SESSION_LIMIT
        await end(gate.context(session, rows[session_id].current_org_id, user.id), rows[session_id], reason)
    row = Session(
        id=uuid7(),
        user_id=user.id,
        current_org_id=place.org_id,
        device_id=gate.client.device_id,
        user_agent=gate.client.user_agent,
        address=gate.client.address,
        impersonating=place.impersonating,
        created_at=gate.now,
        last_used_at=gate.now,
    )
    session.add(row)
    await session.flush()
    ctx = gate.context(session, row.current_org_id, user.id, session_id=row.id, impersonating=row.impersonating)
    ctx.record("session.started", "ses", row.id, after=_public(row))
    return _issue(gate, session, row)


async def _rotate(gate: Gate, session: AsyncSession, secret: str) -> Tokens | str:
    """New tokens, or the sentence that refuses them: what a refusal changed must be committed."""
    token = await session.scalar(
        select(RefreshToken).where(RefreshToken.token_hash == _digest(secret)).with_for_update()
    )
    if token is None:
        return "The refresh token is not valid; sign in again."
    row = await session.get_one(Session, token.session_id, with_for_update=True)
    ctx = gate.context(session, row.current_org_id, row.user_id, session_id=row.id, impersonating=row.impersonating)
    if row.ended_at is not None:
        return "The session has ended; sign in again."
    if token.spent_at is not None:
        ctx.record("session.token_reused", "ses", row.id, after={"address": gate.client.address})
        await end(ctx, row, EndReason.TOKEN_REUSED)
        return "The refresh token was used before and may be stolen: the session has ended. Sign in again."
    if token.expires_at <= gate.now:
        await end(ctx, row, EndReason.EXPIRED)
        return "The refresh token has expired; sign in again."
    if await resolve(session, row.current_org_id, row.user_id) is None:
        await end(ctx, row, EndReason.ACCESS_LOST)
        return "You no longer have access to this organization; sign in again."
    token.spent_at = gate.now
    row.last_used_at = gate.now
    if gate.client.address:
        row.address = gate.client.address
    if gate.client.user_agent:
        row.user_agent = gate.client.user_agent
    return _issue(gate, session, row)


def _issue(gate: Gate, session: AsyncSession, row: Session) -> Tokens:
    secret = secrets.token_urlsafe(32)
    expires_at = gate.now + REFRESH_TOKEN_LIFE
    session.add(
        RefreshToken(
            id=uuid7(),
            session_id=row.id,
            token_hash=_digest(secret),
            created_at=gate.now,
            expires_at=expires_at,
        )
    )
    access = gate.keys.issue(
        session_id=row.id, user_id=row.user_id, org_id=row.current_org_id, token_id=uuid7(), now=gate.now
    )
    return Tokens(
        access_token=access,
        access_expires_at=gate.now + ACCESS_TOKEN_LIFE,
        refresh_token=secret,
        refresh_expires_at=expires_at,
        session_id=row.id,
        user_id=row.user_id,
        org_id=row.current_org_id,
        impersonating=row.impersonating,
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _public(row: Session) -> dict[str, object]:
    return {
        "org_id": str(row.current_org_id),
        "user_id": str(row.user_id),
        "device_id": row.device_id,
        "user_agent": row.user_agent,
        "address": row.address,
        "impersonating": row.impersonating,
    }


def _homeless() -> Exception:
    return refuse(ErrorCode.NOT_ALLOWED, "You are a member of no organization.", "input", "email")
