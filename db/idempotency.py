"""Answers that are kept under their Idempotency-Key, in the transaction of what they are the answer to."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.session import Database

KEPT = timedelta(hours=24)
LONGEST_KEY = 255
BATCH = 5_000


class IdempotencyKey(Base):
    """A person's key in one organization, and the answer to the operation that came with it. No foreign keys: a row
    lives for a day, and to check them would lock the organization's row at every mutation."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint(f"length(key) BETWEEN 1 AND {LONGEST_KEY}", name="key"),
        CheckConstraint("length(digest) = 32", name="digest"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    status: Mapped[int | None]
    answer: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Claim(NamedTuple):
    """Whose key it is, and the SHA-256 digest of the operation that came with it."""

    org_id: UUID
    user_id: UUID
    key: str
    digest: bytes


class Kept(NamedTuple):
    """The answer that a key was given, and to which operation."""

    digest: bytes
    status: int
    answer: bytes


# Whoever inserts a key that another transaction has inserted waits for its end: this is what lets only one of them
# act. A key that ran out and was not swept yet is new again.
CLAIM = text("""
    INSERT INTO idempotency_keys AS known (org_id, user_id, key, digest)
    VALUES (:org_id, :user_id, :key, :digest)
    ON CONFLICT (org_id, user_id, key) DO UPDATE
        SET digest = excluded.digest, status = NULL, answer = NULL, created_at = excluded.created_at
        WHERE known.created_at < clock_timestamp() - CAST(:kept AS interval)
    RETURNING true
""")
FIND = text("""
    SELECT digest, status, answer FROM idempotency_keys
    WHERE org_id = :org_id AND user_id = :user_id AND key = :key
""")
KEEP = text("""
    UPDATE idempotency_keys SET status = :status, answer = :answer
    WHERE org_id = :org_id AND user_id = :user_id AND key = :key
""")
FORGET = text("""
    WITH forgotten AS (
        DELETE FROM idempotency_keys WHERE (org_id, user_id, key) IN (
            SELECT org_id, user_id, key FROM idempotency_keys
            WHERE created_at < clock_timestamp() - CAST(:kept AS interval)
            ORDER BY created_at LIMIT :batch
        ) RETURNING 1
    )
    SELECT count(*) FROM forgotten
""")


async def claim(session: AsyncSession, mine: Claim) -> Kept | None:
    """None when the key is new, and then it is this transaction's. Waits for another transaction that has it, at most
    as long as a lock is waited for."""
    if await session.scalar(CLAIM, {**mine._asdict(), "kept": KEPT}):
        return None
    found = (await session.execute(FIND, mine._asdict())).one()
    return Kept(found.digest, found.status, found.answer)


async def keep(session: AsyncSession, mine: Claim, status: int, answer: bytes) -> None:
    """The answer of this transaction, when it is committed, is the key's."""
    await session.execute(KEEP, {**mine._asdict(), "status": status, "answer": answer})


async def sweep(db: Database) -> int:
    """Forget the keys that ran out; how many. In many small transactions, because there may be millions."""
    total = 0
    while True:
        async with db.platform() as session:
            gone = int(await session.scalar(FORGET, {"kept": KEPT, "batch": BATCH}) or 0)
        total += gone
        if gone < BATCH:
            return total
