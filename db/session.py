"""Write sessions. The organization is set after every begin, so it vanishes with the transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.pool import NullPool

from db import resting
from db.events import outbox
from db.rls import APP_ROLE, SYSTEM_ROLE
from runtime.logging import get_logger
from runtime.settings import Settings

# Says which organizations have new events to whoever keeps answers: their ids, or "" for all.
COMMITS = "opsgraph_commits"
NOTIFY = text("SELECT pg_notify(:channel, :organizations)")
SETTINGS = "settings"  # of `session.info`: what the process that opened the transaction was set up with
MOST_NAMED = 100  # a notification holds 8,000 bytes
Announce = Callable[[Collection[UUID]], Awaitable[bool]]

log = get_logger(__name__)

SET_SCOPE = text("SELECT set_config('app.org_id', :org, true), set_config('app.user_id', :user, true)")


def async_url(url: str) -> str:
    """Any libpq-style URL as SQLAlchemy's asyncpg URL. Its parameters (`sslmode`, `sslrootcert`) are left to asyncpg:
    SQLAlchemy would take them for arguments of `connect`."""
    place, _, parameters = url.split("://", 1)[1].partition("?")
    dsn = f"?dsn={quote(f'postgresql://?{parameters}', safe='')}" if parameters else ""
    return f"postgresql+asyncpg://{place}{dsn}"


class TenantSession(Session):
    """A session bound to one organization and user; it sets both after each BEGIN."""


@event.listens_for(TenantSession, "after_begin")
def _set_scope(session: Session, _transaction: SessionTransaction, connection: Any) -> None:
    org, user = session.info.get("org_id"), session.info.get("user_id")
    if org is not None or user is not None:
        connection.execute(SET_SCOPE, {"org": str(org or ""), "user": str(user or "")})


class Database:
    """The process's write engines: `app` for requests and jobs, `system` for sign-in, relay and sweeps.

    Whoever keeps answers must hear of a commit before the one who asked for it does. A process that serves sets
    `announce`, which tells them quickly, and answers whether it could. Without it, and when it could not, they are
    told by a notification of PostgreSQL's, which costs busy servers much of their throughput.
    """

    announce: Announce | None = None

    def __init__(self, settings: Settings, *, pooled: bool = True) -> None:
        self.settings = settings
        self._pooled = pooled
        self.app = self._engine(APP_ROLE, settings.database_pool_size)
        self.system = self._engine(SYSTEM_ROLE, max(2, settings.database_pool_size // 2))

    def _engine(self, role: str, size: int) -> AsyncEngine:
        options: dict[str, Any] = {"pool_size": size, "max_overflow": 0} if self._pooled else {"poolclass": NullPool}
        engine = create_async_engine(
            async_url(self.settings.database_url),
            connect_args={
                "server_settings": {
                    "role": role,
                    "application_name": f"opsgraph-{role.removeprefix('opsgraph_')}",
                    "timezone": "UTC",
                    "statement_timeout": str(self.settings.statement_timeout_ms),
                    "lock_timeout": "5000",
                    "idle_in_transaction_session_timeout": "60000",
                }
            },
            **options,
        )
        return resting.watch(engine)

    @asynccontextmanager
    async def tenant(self, org_id: UUID, user_id: UUID | None = None) -> AsyncIterator[AsyncSession]:
        """One transaction as the app role in one organization; commits at the end, rolls back on error."""
        async with (
            AsyncSession(
                self.app,
                sync_session_class=TenantSession,
                expire_on_commit=False,
                info={"org_id": org_id, "user_id": user_id, SETTINGS: self.settings},
            ) as session,
            self._announced(session),
            session.begin(),
        ):
            yield session
            await self._before_commit(session)

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[AsyncSession]:
        """One transaction as the system role, across organizations; only sign-in, relay and sweeps use it."""
        async with (
            AsyncSession(self.system, expire_on_commit=False, info={SETTINGS: self.settings}) as session,
            self._announced(session),
            session.begin(),
        ):
            yield session
            await self._before_commit(session)

    @asynccontextmanager
    async def _announced(self, session: AsyncSession) -> AsyncIterator[None]:
        """Around a transaction: after its commit, and only then, those who keep answers are told."""
        yield
        organizations = session.info.get(outbox.COMMITTED)
        if not organizations or self.announce is None or await self.announce(organizations):
            return
        try:
            async with self.system.begin() as connection:
                await connection.execute(NOTIFY, _notification(organizations))
        except (SQLAlchemyError, OSError) as error:
            # It is committed, so it must not look as if it had failed. The relay's hint will tell them.
            log.warning("commit not announced", error=repr(error))

    async def _before_commit(self, session: AsyncSession) -> None:
        session.info[outbox.COMMITTED] = organizations = outbox.concerned(session)
        if organizations and self.announce is None:
            await session.execute(NOTIFY, _notification(organizations))

    async def close(self) -> None:
        await self.app.dispose()
        await self.system.dispose()


def _notification(organizations: Collection[UUID]) -> dict[str, str]:
    named = ",".join(map(str, organizations)) if len(organizations) <= MOST_NAMED else ""
    return {"channel": COMMITS, "organizations": named}
