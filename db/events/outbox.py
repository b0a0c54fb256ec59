"""Events that a transaction wrote and the relay has not numbered yet.

`record` keeps a transaction's events back until it commits. `position` is given at the insert, so an event
inserted while its transaction still waits for a row lock could get a smaller position than the event of the
transaction it waits for; inserted last, when all locks are held, positions follow an aggregate's commits.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, Identity, Index, event
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column
from uuid_utils.compat import uuid7

from db.base import Base

HELD = "outbox"
CONCERNED = "outbox.concerned"
COMMITTED = "outbox.committed"
_marks: WeakKeyDictionary[SessionTransaction, int] = WeakKeyDictionary()


class OutboxEvent(Base):
    """The app role may only INSERT, so the key is made here and nothing is read back with RETURNING."""

    __tablename__ = "outbox_pending"
    __table_args__ = (Index("ix_outbox_pending_org_id", "org_id"),)
    __mapper_args__ = {"eager_defaults": False}  # noqa: RUF012 - the name is SQLAlchemy's

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    org_id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    impersonator_id: Mapped[UUID | None]
    type: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[UUID]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    occurred_at: Mapped[datetime]


def record(session: AsyncSession, pending: OutboxEvent) -> None:
    """Insert `pending` as the last thing this transaction does before it commits."""
    session.sync_session.info.setdefault(HELD, []).append(pending)


def concern(session: AsyncSession, organizations: Iterable[UUID]) -> None:
    """Say that this transaction inserted events of these organizations by other means than `record`."""
    session.sync_session.info.setdefault(CONCERNED, set()).update(organizations)


def concerned(session: AsyncSession) -> frozenset[UUID]:
    """The organizations that will have new events when this transaction commits."""
    info = session.sync_session.info
    return frozenset(pending.org_id for pending in info.get(HELD, ())).union(info.get(CONCERNED, ()))


@event.listens_for(Session, "before_commit")
def _insert_held(session: Session) -> None:
    if session.in_nested_transaction():
        return
    held = session.info.pop(HELD, None)
    if held:
        session.flush()
        session.add_all(held)


@event.listens_for(Session, "after_transaction_create")
def _mark(session: Session, transaction: SessionTransaction) -> None:
    _marks[transaction] = len(session.info.get(HELD, ()))


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """A rollback, to a savepoint too, takes back the events recorded since."""
    if HELD in session.info:
        del session.info[HELD][_marks.get(ended, 0) :]
