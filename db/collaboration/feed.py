"""The feed: messages in channels, and how far each person has read them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin

CHANNEL = "coalesce(department_id, org_id)"


class FeedChannel(Base):
    """A view, so that no channel is ever missing: one for the organization, under the organization's id, and one
    for each department, under the department's."""

    __tablename__ = "feed_channels"
    __table_args__ = {"info": {"view": True}}  # noqa: RUF012 - SQLAlchemy reads it once

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    department_id: Mapped[UUID | None]
    name: Mapped[str]


class FeedMessage(TenantMixin, TimestampMixin, Base):
    """`number` counts within the channel without gaps, in the order of commits. A deleted message keeps its place
    and loses its text. Without an author it is the platform's."""

    __tablename__ = "feed_messages"
    __table_args__ = (
        CheckConstraint("length(text) BETWEEN 1 AND 4000", name="text"),
        CheckConstraint("(text IS NULL) = (deleted_at IS NOT NULL)", name="deleted"),
        CheckConstraint("number >= 1", name="number"),
        ForeignKeyConstraint(["org_id", "department_id"], ["departments.org_id", "departments.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "channel_id", "number"),
        Index("ix_feed_messages_org_id_channel_id_created_at_id", "org_id", "channel_id", "created_at", "id"),
        Index("ix_feed_messages_org_id_department_id_id", "org_id", "department_id", "id"),
        Index("ix_feed_messages_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    department_id: Mapped[UUID | None]
    channel_id: Mapped[UUID] = mapped_column(Computed(CHANNEL, persisted=True))
    number: Mapped[int]
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str | None]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class FeedPosition(Base):
    """The number of the last message that a person has read in a channel. It only grows, and is nobody else's
    business: no event tells of it."""

    __tablename__ = "feed_positions"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "department_id"], ["departments.org_id", "departments.id"], ondelete="CASCADE"),
        Index("ix_feed_positions_org_id_department_id", "org_id", "department_id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    channel_id: Mapped[UUID] = mapped_column(Computed(CHANNEL, persisted=True), primary_key=True)
    department_id: Mapped[UUID | None]
    number: Mapped[int]
    read_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
