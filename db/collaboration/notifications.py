"""What people are told of, how they want to be told, and how far the log was followed for that."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, one_of


class NotificationKind(StrEnum):
    MEMBERSHIP = "MEMBERSHIP"
    SECURITY = "SECURITY"
    AIRCRAFT_STATUS = "AIRCRAFT_STATUS"
    UTILISATION_CORRECTED = "UTILISATION_CORRECTED"
    FEED_MESSAGE = "FEED_MESSAGE"
    REMINDER = "REMINDER"
    ESCALATION = "ESCALATION"


class NotificationChannel(StrEnum):
    IN_APP = "IN_APP"
    MAIL = "MAIL"


class MailState(StrEnum):
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    SKIPPED = "SKIPPED"
    REFUSED = "REFUSED"


class Notification(TenantMixin, Base):
    """One event told to one person. `sequence` is the event's number. Not `in_app`: the person gets a mail only."""

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("kind", NotificationKind),
        CheckConstraint("length(text) BETWEEN 1 AND 1000", name="text"),
        UniqueConstraint("org_id", "user_id", "event_id"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        Index("ix_notifications_org_id_user_id_sequence", "org_id", "user_id", "sequence"),
        Index(
            "ix_notifications_unread",
            "org_id",
            "user_id",
            "sequence",
            postgresql_where=text("in_app AND read_at IS NULL"),
        ),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID]
    event_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    text: Mapped[str]
    target_type: Mapped[str]
    target_id: Mapped[UUID]
    actor_id: Mapped[UUID | None]
    in_app: Mapped[bool]
    occurred_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    read_at: Mapped[datetime | None]


class NotificationMail(TenantMixin, Base):
    """The mail about the notification with the same id. Only who turns QUEUED into SENDING may hand it to a server,
    and only a server's refusal makes it QUEUED again."""

    __tablename__ = "notification_mails"
    __table_args__ = (
        one_of("state", MailState),
        ForeignKeyConstraint(["org_id", "id"], ["notifications.org_id", "notifications.id"], ondelete="CASCADE"),
    )

    state: Mapped[str] = mapped_column(default=MailState.QUEUED, server_default=MailState.QUEUED)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class NotificationPreference(TenantMixin, Base):
    """Where a person differs from what is usual for a kind and a channel."""

    __tablename__ = "notification_preferences"
    __table_args__ = (
        one_of("kind", NotificationKind),
        one_of("channel", NotificationChannel),
        UniqueConstraint("org_id", "user_id", "kind", "channel"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
    )

    user_id: Mapped[UUID]
    kind: Mapped[str]
    channel: Mapped[str]
    enabled: Mapped[bool]


class NotificationPosition(Base):
    """The number of the last event of an organization that people were told of, or did not need to be."""

    __tablename__ = "notification_positions"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
