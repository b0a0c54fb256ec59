"""Courses: what people must have passed, and for how long that counts."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class RenewalPolicy(StrEnum):
    FROM_COMPLETION = "FROM_COMPLETION"
    KEEP_ANNIVERSARY = "KEEP_ANNIVERSARY"


class Course(TenantMixin, TimestampMixin, Base):
    """Codes are stored in capital letters. Null months of validity: what was passed counts for ever."""

    __tablename__ = "courses"
    __table_args__ = (
        one_of("renewal_policy", RenewalPolicy),
        CheckConstraint("length(code) BETWEEN 1 AND 30 AND code = upper(code)", name="code"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("length(reference) BETWEEN 1 AND 200", name="reference"),
        CheckConstraint("validity_months BETWEEN 1 AND 120", name="validity_months"),
        CheckConstraint("renewal_window_months BETWEEN 1 AND 12", name="renewal_window_months"),
        CheckConstraint("grace_days BETWEEN 0 AND 365", name="grace_days"),
        CheckConstraint("warning_days BETWEEN 1 AND 365", name="warning_days"),
        UniqueConstraint("org_id", "code"),
        Index("ix_courses_org_id_name_id", "org_id", "name", "id"),
        Index("ix_courses_org_id_validity_months_id", "org_id", "validity_months", "id"),
        Index("ix_courses_org_id_is_active_id", "org_id", "is_active", "id"),
        Index("ix_courses_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("courses"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    code: Mapped[str]
    name: Mapped[str]
    reference: Mapped[str | None]
    validity_months: Mapped[int | None]
    renewal_policy: Mapped[str] = mapped_column(
        default=RenewalPolicy.FROM_COMPLETION, server_default=RenewalPolicy.FROM_COMPLETION
    )
    renewal_window_months: Mapped[int] = mapped_column(default=3, server_default="3")
    grace_days: Mapped[int] = mapped_column(default=0, server_default="0")
    warning_days: Mapped[int] = mapped_column(default=60, server_default="60")
    is_active: Mapped[bool] = mapped_column(default=True, server_default="true")
    search_text: Mapped[str | None] = searched("code", "name")
