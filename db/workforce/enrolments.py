"""Enrolments: who works under supervision before having passed a course."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin


class Enrolment(TenantMixin, TimestampMixin, Base):
    """One a person and course, so that its grace runs once: who withdraws and enrols again keeps the days.

    `grace_until` is the last day of work before passing; null when the course allows none.
    """

    __tablename__ = "enrolments"
    __table_args__ = (
        CheckConstraint("supervisor_id <> user_id", name="supervisor"),
        CheckConstraint("grace_until >= duties_from", name="grace_until"),
        CheckConstraint("withdrawn_on >= duties_from", name="withdrawn_on"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "supervisor_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "course_id"], ["courses.org_id", "courses.id"]),
        UniqueConstraint("org_id", "user_id", "course_id"),
        Index("ix_enrolments_org_id_user_id_id", "org_id", "user_id", "id"),
        Index("ix_enrolments_org_id_course_id_id", "org_id", "course_id", "id"),
        Index("ix_enrolments_org_id_supervisor_id_id", "org_id", "supervisor_id", "id"),
        Index("ix_enrolments_org_id_duties_from_id", "org_id", "duties_from", "id"),
        Index("ix_enrolments_org_id_grace_until_id", "org_id", "grace_until", "id"),
        Index("ix_enrolments_org_id_withdrawn_on_id", "org_id", "withdrawn_on", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID]
    course_id: Mapped[UUID]
    supervisor_id: Mapped[UUID]
    duties_from: Mapped[date]
    grace_until: Mapped[date | None]
    withdrawn_on: Mapped[date | None]
