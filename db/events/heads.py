"""The last event of each organization: what the relay numbers from and a reader catches up to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class EventHead(Base):
    __tablename__ = "event_heads"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]
    recorded_at: Mapped[datetime]


class EventEpoch(Base):
    """One row, made by the migration. Read it through the SQL function `event_epoch()`, which also changes
    when the database was restored or promoted; a cursor of another epoch is refused."""

    __tablename__ = "event_epochs"
    __table_args__ = (CheckConstraint("only_row", name="only_row"),)

    only_row: Mapped[bool] = mapped_column(primary_key=True, default=True, server_default="true")
    epoch: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
