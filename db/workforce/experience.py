"""The log of days on which people did maintenance, only ever added to."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin


class ExperienceEntry(TenantMixin, Base):
    """One day of work on one type of aircraft; null for work on components. Several jobs of a day are one entry.

    The grants and a trigger refuse every change.
    """

    __tablename__ = "experience_entries"
    __table_args__ = (
        CheckConstraint("length(source) BETWEEN 1 AND 200", name="source"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "aircraft_type_id"], ["aircraft_types.org_id", "aircraft_types.id"]),
        UniqueConstraint(
            "org_id",
            "user_id",
            "worked_on",
            "aircraft_type_id",
            name="uq_experience_entries_day",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_experience_entries_org_id_aircraft_type_id_id", "org_id", "aircraft_type_id", "id"),
        Index("ix_experience_entries_org_id_worked_on_id", "org_id", "worked_on", "id"),
        Index("ix_experience_entries_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID]
    worked_on: Mapped[date]
    aircraft_type_id: Mapped[UUID | None]
    source: Mapped[str]
    recorder_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
