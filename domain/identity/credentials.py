"""Checking and setting passwords of accounts."""

import asyncio
from datetime import datetime
from time import monotonic
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.identity.users import User, UserCredential
from domain.errors import ErrorCode, UserErrors, refuse
from domain.identity import passwords
from domain.identity.gate import Gate

# Answers that must not tell whether an account exists take at least this long, longer than any of our hashes:
# an account with an imported bcrypt hash, one with argon2id and none at all look alike.
LEVEL_SECONDS = 0.5


async def check(gate: Gate, email: str, password: str) -> UUID:
    """Whose credentials these are; UserErrors that do not tell what was wrong."""
    begun = monotonic()
    async with gate.transaction() as session:
        row = (
            await session.execute(
                select(User.id, UserCredential.password_hash)
                .join(UserCredential, UserCredential.user_id == User.id)
                .where(func.lower(User.email) == email.strip().lower())
            )
        ).one_or_none()
    if not await passwords.verify(row.password_hash if row else None, password) or row is None:
        await level(begun)
        raise wrong()
    if passwords.outdated(row.password_hash):
        password_hash = await passwords.hash_password(password)
        async with gate.transaction() as session:
            await store(session, row.id, password_hash, gate.now)
    user_id: UUID = row.id
    return user_id


async def level(begun: float) -> None:
    """Wait until all answers of this kind look alike; `begun` is the monotonic time of the request."""
    await asyncio.sleep(max(0.0, begun + LEVEL_SECONDS - monotonic()))


async def store(session: AsyncSession, user_id: UUID, password_hash: str, now: datetime) -> None:
    """Set a person's password hash, the first or another one."""
    await session.execute(
        insert(UserCredential)
        .values(user_id=user_id, password_hash=password_hash, changed_at=now)
        .on_conflict_do_update(
            index_elements=[UserCredential.user_id],
            set_={"password_hash": password_hash, "changed_at": now},
        )
    )


def wrong() -> UserErrors:
    return refuse(ErrorCode.INVALID, "The e-mail address, the password or the organization is wrong.", "input")
