"""Departments and who is in them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of


class Department(TenantMixin, TimestampMixin, Base):
    __tablename__ = "departments"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        Index("uq_departments_org_id_name", "org_id", text("lower(name)"), unique=True),
        Index("ix_departments_org_id_name_id", "org_id", "name", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")


class DepartmentRole(StrEnum):
    LEAD = "LEAD"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class DepartmentMembership(TenantMixin, Base):
    """One person in one department; the person must be (or have been) a member of the organization."""

    __tablename__ = "department_memberships"
    __table_args__ = (
        one_of("role", DepartmentRole),
        UniqueConstraint("org_id", "department_id", "user_id"),
        ForeignKeyConstraint(["org_id", "department_id"], ["departments.org_id", "departments.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        Index("ix_department_memberships_org_id_user_id", "org_id", "user_id"),
    )

    department_id: Mapped[UUID]
    user_id: Mapped[UUID]
    role: Mapped[str] = mapped_column(default=DepartmentRole.MEMBER, server_default=DepartmentRole.MEMBER)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
