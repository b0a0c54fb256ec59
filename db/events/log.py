"""The append-only log: dense `seq` per organization, each event hashed with the one before it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class EventLog(Base):
    """Partitioned by month of `recorded_at`; the key must hold the partition column."""

    __tablename__ = "event_log"
    __table_args__ = (
        CheckConstraint("seq > 0", name="seq"),
        Index("ix_event_log_org_id_id", "org_id", "id"),
        Index("ix_event_log_org_id_target_type_target_id_seq", "org_id", "target_type", "target_id", "seq"),
        Index("ix_event_log_org_id_actor_id_seq", "org_id", "actor_id", "seq"),
        Index("ix_event_log_org_id_type_seq", "org_id", "type", "seq"),
        Index("ix_event_log_org_id_recorded_at_id", "org_id", "recorded_at", "id"),
        Index("ix_event_log_org_id_occurred_at_id", "org_id", "occurred_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    impersonator_id: Mapped[UUID | None]
    type: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[UUID]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    occurred_at: Mapped[datetime]
    previous_hash: Mapped[str]
    hash: Mapped[str]
