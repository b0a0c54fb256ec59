"""Organizations: the tenants."""

from datetime import time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from db.base import Base, TimestampMixin, one_of


class OrganizationKind(StrEnum):
    AMO = "AMO"
    FBO = "FBO"
    OPERATIONS = "OPERATIONS"
    CLOUD = "CLOUD"
    SOFTWARE = "SOFTWARE"


class OrganizationPlan(StrEnum):
    """How much its people may ask for; what each allows is in domain/identity/rules/plans.py."""

    FREE = "FREE"
    STANDARD = "STANDARD"
    LARGE = "LARGE"


class Module(StrEnum):
    """A part of the platform that an organization can switch on."""

    FLEET = "FLEET"
    MAINTENANCE = "MAINTENANCE"
    QUALITY = "QUALITY"
    WORKFORCE = "WORKFORCE"
    GROUND = "GROUND"
    SYSTEMS = "SYSTEMS"
    CLOUD = "CLOUD"
    TASKS = "TASKS"


_MODULES = ", ".join(f"'{module}'" for module in Module)


class Organization(TimestampMixin, Base):
    """Visible to requests inside it and to its active members. A platform organization anchors superusers."""

    __tablename__ = "organizations"
    __table_args__ = (
        one_of("kind", OrganizationKind),
        one_of("plan", OrganizationPlan),
        CheckConstraint(f"modules <@ ARRAY[{_MODULES}]", name="modules"),
        CheckConstraint("slug ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' AND length(slug) BETWEEN 3 AND 50", name="slug"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("max_sessions BETWEEN 1 AND 20", name="max_sessions"),
        CheckConstraint("working_day_start < working_day_end", name="working_day"),
        CheckConstraint("event_retention_months BETWEEN 1 AND 1200", name="event_retention_months"),
        CheckConstraint("finding_days BETWEEN 1 AND 365", name="finding_days"),
        CheckConstraint("utilisation_window_days BETWEEN 7 AND 730", name="utilisation_window_days"),
        CheckConstraint("due_soon_days BETWEEN 0 AND 365", name="due_soon_days"),
        CheckConstraint("experience_months BETWEEN 1 AND experience_window_months", name="experience_months"),
        CheckConstraint("experience_window_months BETWEEN 1 AND 120", name="experience_window_months"),
        Index("uq_organizations_slug", "slug", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    slug: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    modules: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    time_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    working_day_start: Mapped[time] = mapped_column(default=time(9), server_default="09:00")
    working_day_end: Mapped[time] = mapped_column(default=time(18), server_default="18:00")
    max_sessions: Mapped[int] = mapped_column(default=3, server_default="3")
    plan: Mapped[str] = mapped_column(default=OrganizationPlan.STANDARD, server_default="STANDARD")
    event_retention_months: Mapped[int | None]
    finding_days: Mapped[int] = mapped_column(default=90, server_default="90")
    utilisation_window_days: Mapped[int] = mapped_column(default=90, server_default="90")
    due_soon_days: Mapped[int] = mapped_column(default=30, server_default="30")
    experience_months: Mapped[int] = mapped_column(default=6, server_default="6")
    experience_window_months: Mapped[int] = mapped_column(default=24, server_default="24")
    is_platform: Mapped[bool] = mapped_column(default=False, server_default="false")
