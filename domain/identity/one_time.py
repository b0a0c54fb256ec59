"""One-time tokens that go out by e-mail. The secret is made when the mail is written and stands nowhere else."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from db.identity.users import OneTimeToken, TokenPurpose


async def create(session: AsyncSession, *, user_id: UUID, purpose: TokenPurpose, now: datetime, life: timedelta) -> str:
    """A new token's secret; the person's older unused tokens for the purpose stop working."""
    await session.execute(
        delete(OneTimeToken).where(
            OneTimeToken.user_id == user_id, OneTimeToken.purpose == purpose, OneTimeToken.used_at.is_(None)
        )
    )
    secret = secrets.token_urlsafe(32)
    session.add(
        OneTimeToken(
            id=uuid7(),
            user_id=user_id,
            purpose=purpose,
            token_hash=_digest(secret),
            expires_at=now + life,
            created_at=now,
        )
    )
    return secret


async def use(session: AsyncSession, secret: str, purpose: TokenPurpose, now: datetime) -> UUID | None:
    """Spend a token and return whose it is; None when it is unknown, used or expired."""
    token = await session.scalar(
        select(OneTimeToken)
        .where(OneTimeToken.token_hash == _digest(secret), OneTimeToken.purpose == purpose)
        .with_for_update()
    )
    if token is None or token.used_at is not None or token.expires_at <= now:
        return None
    token.used_at = now
    return token.user_id


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
