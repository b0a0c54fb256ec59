"""Which reminders and escalations went out."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, one_of


class ReminderRule(StrEnum):
    AUTHORISATION = "AUTHORISATION"
    LICENCE = "LICENCE"
    TRAINING = "TRAINING"
    DIRECTIVE = "DIRECTIVE"
    DEFERRAL = "DEFERRAL"
    AUDIT = "AUDIT"
    IMMEDIATE_ACTION = "IMMEDIATE_ACTION"
    FINDING = "FINDING"
    CORRECTIVE_ACTION = "CORRECTIVE_ACTION"


class ReminderSent(TenantMixin, Base):
    """One step for one thing: the unique key lets it go out once, however often the runner runs. `occurrence` tells
    the times it is due apart: the due day, or where that is only a forecast, what it is forecast of. `step` counts days
    from the due day, below zero before it."""

    __tablename__ = "reminders_sent"
    __table_args__ = (
        one_of("rule", ReminderRule),
        CheckConstraint("subject_type ~ '^[a-z]{2,5}$'", name="subject_type"),
        CheckConstraint("length(text) BETWEEN 1 AND 1000", name="text"),
        CheckConstraint("cardinality(people) >= 1", name="people"),
        CheckConstraint("length(occurrence) BETWEEN 1 AND 200", name="occurrence"),
        UniqueConstraint("org_id", "rule", "subject_id", "occurrence", "step"),
        Index("ix_reminders_sent_org_id_rule_id", "org_id", "rule", "id"),
        Index("ix_reminders_sent_org_id_subject_id_id", "org_id", "subject_id", "id"),
        Index("ix_reminders_sent_org_id_due_on_id", "org_id", "due_on", "id"),
        Index("ix_reminders_sent_org_id_step_id", "org_id", "step", "id"),
        Index("ix_reminders_sent_org_id_sent_at_id", "org_id", "sent_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    rule: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    occurrence: Mapped[str]
    due_on: Mapped[date]
    step: Mapped[int]
    text: Mapped[str]
    people: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    sent_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
