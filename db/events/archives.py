"""What was taken out of the log when the organization's retention was over: one row for each run of events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin


class EventArchive(TenantMixin, Base):
    """Written by the SQL function `event_log_archive` alone, in the transaction that deletes the events."""

    __tablename__ = "event_archives"
    __table_args__ = (
        CheckConstraint("from_seq > 0 AND to_seq >= from_seq", name="range"),
        CheckConstraint("count = to_seq - from_seq + 1", name="count"),
        UniqueConstraint("org_id", "from_seq"),
        UniqueConstraint("org_id", "to_seq"),
        Index("ix_event_archives_org_id_archived_at_id", "org_id", "archived_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    from_seq: Mapped[int] = mapped_column(BigInteger)
    to_seq: Mapped[int] = mapped_column(BigInteger)
    previous_hash: Mapped[str]
    last_hash: Mapped[str]
    count: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    archived_at: Mapped[datetime]
    hash: Mapped[str]
