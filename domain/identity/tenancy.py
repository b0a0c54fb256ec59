"""THE tenant resolver: in which organization an operation runs, as whom, and what it may do.

HTTP, WebSocket, worker and CLI all come through here. The answer for a token is kept in memory; every process
hears at once when it no longer holds (see `revocation`), and while such news may get lost nothing is served from
memory.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.identity.roles import Role
from db.identity.sessions import Session
from db.identity.users import User, UserState
from db.listen import Listener
from db.session import Database
from domain.context import Actor
from domain.errors import NotFoundError, UnauthenticatedError
from domain.identity.revocation import CHANNEL, Revocation, Scope
from domain.identity.rules.roles import ALL, permissions_of
from domain.identity.tokens import Claims, keys
from runtime.settings import Settings

CACHE_SIZE = 50_000
EVERYTHING = frozenset(str(permission) for permission in ALL)


class Authenticator:
    """One per process. A cache hit is a dictionary look-up and two comparisons of clocks."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._keys = keys(settings)
        self._cache: dict[str, tuple[float, Actor]] = {}
        self._callbacks: list[Callable[[Revocation], None]] = []
        self._asked: dict[str, asyncio.Task[Actor]] = {}
        self._turns = asyncio.Semaphore(max(1, settings.database_pool_size // 2 - 1))
        # Counts revocations: an answer read before one must not be kept after it.
        self._generation = 0
        self._listener = Listener(settings, CHANNEL, self._hear, lambda: self._revoke(Revocation(Scope.ALL)))

    async def start(self) -> None:
        await self._listener.start()

    async def close(self) -> None:
        await self._listener.close()
        self._cache.clear()

    def on_revoked(self, callback: Callable[[Revocation], None]) -> Callable[[], None]:
        """Call `callback` at every revocation; returns a function that stops that. Whoever it concerns must
        ask `actor` again: the session may have ended, or just the permissions may have changed."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def cached(self, token: str) -> Actor | None:
        """The actor of a token that was verified before and still stands; None means: ask `actor`."""
        entry = self._cache.get(token)
        if entry is not None and entry[0] > time() and self._listener.reliable():
            return entry[1]
        return None

    async def actor(self, token: str) -> Actor:
        """The actor of an access token; UnauthenticatedError when it is not, or no longer, valid."""
        entry = self._cache.get(token)
        if entry is not None and entry[0] > time() and self._listener.reliable():
            return entry[1]
        claims = self._keys.verify(token)
        asked = self._asked.get(token)
        if asked is None:
            asked = self._asked[token] = asyncio.create_task(self._ask(token, claims))
            asked.add_done_callback(_noticed)
        return await asyncio.shield(asked)

    async def _ask(self, token: str, claims: Claims) -> Actor:
        """What the database says. When a thousand clients come back at once, those with the same token share a question
        that has not been asked yet; one that has may be answered with what no longer holds."""
        async with self._turns:
            del self._asked[token]
            generation = self._generation
            async with self._db.platform() as session:
                actor = await actor_of_session(session, claims)
        if generation == self._generation and self._listener.reliable():
            self._keep(token, claims.expires_at, actor)
        return actor

    async def for_job(self, org_id: UUID, user_id: UUID | None) -> Actor:
        """The actor of a job: who asked for it, with today's permissions, or the platform itself."""
        async with self._db.platform() as session:
            if user_id is None:
                return Actor(org_id, None, EVERYTHING)
            found = await resolve(session, org_id, user_id)
        if found is None:
            raise UnauthenticatedError("The person who asked for this job no longer has access.")
        return found

    async def for_cli(self, slug: str) -> Actor:
        """The operator at the command line, who owns the database anyway, in one organization."""
        async with self._db.platform() as session:
            org_id = await session.scalar(select(Organization.id).where(Organization.slug == slug))
        if org_id is None:
            raise NotFoundError(f"There is no organization with the slug '{slug}'.")
        return Actor(org_id, None, EVERYTHING)

    def _keep(self, token: str, expires_at: float, actor: Actor) -> None:
        while len(self._cache) >= CACHE_SIZE:
            del self._cache[next(iter(self._cache))]  # the oldest: dictionaries keep their order
        self._cache[token] = (expires_at, actor)

    def _hear(self, message: str) -> None:
        self._revoke(Revocation.parse(message))

    def _revoke(self, revocation: Revocation) -> None:
        self._generation += 1
        for token in [token for token, (_, actor) in self._cache.items() if revocation.concerns(actor)]:
            del self._cache[token]
        for callback in list(self._callbacks):
            callback(revocation)


def _noticed(task: "asyncio.Task[Actor]") -> None:
    """Who asked may be gone when it fails."""
    if not task.cancelled():
        task.exception()


async def actor_of_session(session: AsyncSession, claims: Claims) -> Actor:
    """The actor of a session that has not ended. The session's organization counts, so a token issued before
    the person switched to another one stops working."""
    row = await session.scalar(
        select(Session.current_org_id).where(
            Session.id == claims.session_id, Session.user_id == claims.user_id, Session.ended_at.is_(None)
        )
    )
    if row is None:
        raise UnauthenticatedError("The session has ended; sign in again.")
    if row != claims.org_id:
        raise UnauthenticatedError("The session has switched to another organization; use its newest access token.")
    actor = await resolve(session, claims.org_id, claims.user_id, session_id=claims.session_id)
    if actor is None:
        raise UnauthenticatedError("You no longer have access to this organization; sign in again.")
    return actor


async def resolve(
    session: AsyncSession, org_id: UUID, user_id: UUID, *, session_id: UUID | None = None
) -> Actor | None:
    """What a person may do in an organization right now; None when nothing. Needs the system role."""
    row = (await session.execute(_access(org_id, user_id))).one_or_none()
    if row is None or row.state != UserState.ACTIVE or row.email_verified_at is None:
        return None
    if row.is_superuser:
        # A superuser is a member of platform organizations; anywhere else they impersonate.
        impersonator = user_id if row.roles is None else None
        return Actor(org_id, user_id, EVERYTHING, session_id, impersonator, is_superuser=True, plan=row.plan)
    if row.roles is None:
        return None
    return Actor(org_id, user_id, permissions_of(row.roles, _custom(row)), session_id, plan=row.plan)


def _access(org_id: UUID, user_id: UUID) -> Any:
    """One statement: the person, their active membership's roles, and the organization's own roles."""
    return (
        select(
            User.state,
            User.email_verified_at,
            User.is_superuser,
            Membership.roles,
            select(Organization.plan).where(Organization.id == org_id).scalar_subquery().label("plan"),
            select(func.json_agg(func.json_build_array(Role.key, Role.permissions)))
            .where(Role.org_id == org_id, Role.key == func.any(Membership.roles))
            .scalar_subquery()
            .label("custom"),
        )
        .join_from(
            User,
            Membership,
            and_(
                Membership.user_id == User.id,
                Membership.org_id == org_id,
                Membership.state == MembershipState.ACTIVE,
            ),
            isouter=True,
        )
        .where(User.id == user_id)
    )


def _custom(row: Row[Any]) -> dict[str, Sequence[str]]:
    return dict(row.custom or ())
