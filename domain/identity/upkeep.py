"""What sign-ins leave behind, once a day."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.identity.sessions import EndReason, RefreshToken, Session
from db.identity.users import OneTimeToken
from domain.context import Actor, Ctx
from domain.identity import sessions
from domain.identity.rules.sessions import REFRESH_TOKEN_LIFE

# A spent refresh token is worth keeping while it could betray a theft, that is as long as its session lives; a
# month also serves those who look into one.
KEPT = timedelta(days=30)
BATCH = 5_000


async def sweep(session: AsyncSession, now: datetime) -> int:
    """End sessions whose refresh token ran out and forget tokens of a month ago; returns how many ended.

    Needs the system role. Ends at most BATCH sessions, so that the transaction stays short.
    """
    query = (
        select(Session)
        .where(Session.ended_at.is_(None), Session.last_used_at <= now - REFRESH_TOKEN_LIFE)
        .order_by(Session.last_used_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    rows = (await session.scalars(query)).all()
    for row in rows:
        # Nobody acted: the actor of these events is the platform.
        ctx = Ctx(Actor(row.current_org_id, None, frozenset()), session, now)
        await sessions.end(ctx, row, EndReason.EXPIRED)
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < now - KEPT))
    await session.execute(delete(OneTimeToken).where(OneTimeToken.expires_at < now - KEPT))
    return len(rows)
