"""Training records: who passed which course when, with the evidence."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.workforce.courses import RenewalPolicy


class TrainingRecord(TenantMixin, TimestampMixin, Base):
    """What the course said when it was passed is kept here: a course that changes later leaves the record as it was.

    `expires_on` is the last day that it counts. It follows from the records of the person and course before this one,
    and its commands move it when one of these is added or voided; `is_current` marks the latest that is not voided.
    """

    __tablename__ = "training_records"
    __table_args__ = (
        one_of("renewal_policy", RenewalPolicy),
        CheckConstraint("expires_on > completed_on", name="expires_on"),
        CheckConstraint("(validity_months IS NULL) = (expires_on IS NULL)", name="validity"),
        CheckConstraint("length(note) BETWEEN 1 AND 1000", name="note"),
        CheckConstraint("length(void_reason) BETWEEN 1 AND 1000", name="void_reason"),
        CheckConstraint("(voided_at IS NULL) = (void_reason IS NULL)", name="voided"),
        CheckConstraint("NOT (is_current AND voided_at IS NOT NULL)", name="current"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "course_id"], ["courses.org_id", "courses.id"]),
        ForeignKeyConstraint(["org_id", "evidence_id"], ["documents.org_id", "documents.id"]),
        Index(
            "uq_training_records_day",
            "org_id",
            "user_id",
            "course_id",
            "completed_on",
            unique=True,
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index(
            "uq_training_records_current",
            "org_id",
            "user_id",
            "course_id",
            unique=True,
            postgresql_where=text("is_current"),
        ),
        Index("ix_training_records_org_id_user_id_id", "org_id", "user_id", "id"),
        Index("ix_training_records_org_id_course_id_id", "org_id", "course_id", "id"),
        Index("ix_training_records_org_id_evidence_id_id", "org_id", "evidence_id", "id"),
        Index("ix_training_records_org_id_completed_on_id", "org_id", "completed_on", "id"),
        Index("ix_training_records_org_id_expires_on_id", "org_id", "expires_on", "id"),
        Index("ix_training_records_org_id_is_current_id", "org_id", "is_current", "id"),
        Index("ix_training_records_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID]
    course_id: Mapped[UUID]
    completed_on: Mapped[date]
    expires_on: Mapped[date | None]
    validity_months: Mapped[int | None]
    renewal_policy: Mapped[str]
    renewal_window_months: Mapped[int]
    evidence_id: Mapped[UUID]
    note: Mapped[str | None]
    is_current: Mapped[bool] = mapped_column(default=False, server_default="false")
    recorder_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
