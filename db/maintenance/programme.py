"""Maintenance programmes, their tasks, the aircraft that follow them, and what was accomplished."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched

POSITIVE = "interval_minutes > 0 AND interval_cycles > 0 AND interval_days > 0 AND interval_months > 0"


class Rebasing(StrEnum):
    FROM_ACCOMPLISHMENT = "FROM_ACCOMPLISHMENT"
    FROM_DUE_WHEN_IN_WINDOW = "FROM_DUE_WHEN_IN_WINDOW"


class Programme(TenantMixin, TimestampMixin, Base):
    """What an operator's aircraft of one type have done to them, and when."""

    __tablename__ = "programmes"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
        CheckConstraint("length(revision) BETWEEN 1 AND 50", name="revision"),
        CheckConstraint("length(approval) BETWEEN 1 AND 200", name="approval"),
        ForeignKeyConstraint(["org_id", "type_id"], ["aircraft_types.org_id", "aircraft_types.id"]),
        UniqueConstraint("org_id", "name"),
        Index("ix_programmes_org_id_name_id", "org_id", "name", "id"),
        Index("ix_programmes_org_id_type_id_id", "org_id", "type_id", "id"),
        Index("ix_programmes_org_id_approved_on_id", "org_id", "approved_on", "id"),
        Index("ix_programmes_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    name: Mapped[str]
    type_id: Mapped[UUID]
    revision: Mapped[str | None]
    approval: Mapped[str | None]
    approved_on: Mapped[date | None]


class ProgrammeTask(TenantMixin, TimestampMixin, Base):
    """With a part number it is done to every installed component of that number, and counts from the component's own
    life. Without a threshold the first time is due after one interval; without an interval it is done once."""

    __tablename__ = "programme_tasks"
    __table_args__ = (
        one_of("rebasing", Rebasing),
        CheckConstraint("length(code) BETWEEN 1 AND 50", name="code"),
        CheckConstraint("length(title) BETWEEN 1 AND 200", name="title"),
        CheckConstraint("length(description) BETWEEN 1 AND 10000", name="description"),
        CheckConstraint(
            "part_number = upper(part_number) AND length(part_number) BETWEEN 1 AND 50", name="part_number"
        ),
        CheckConstraint(POSITIVE, name="intervals"),
        CheckConstraint(POSITIVE.replace("interval", "threshold"), name="thresholds"),
        CheckConstraint(
            "num_nonnulls(interval_minutes, interval_cycles, interval_days, interval_months,"
            " threshold_minutes, threshold_cycles, threshold_days, threshold_months) > 0",
            name="limited",
        ),
        CheckConstraint(
            "tolerance_minutes >= 0 AND tolerance_cycles >= 0 AND tolerance_days >= 0"
            " AND (NOT airworthiness_limitation OR tolerance_minutes + tolerance_cycles + tolerance_days = 0)",
            name="tolerances",
        ),
        ForeignKeyConstraint(["org_id", "programme_id"], ["programmes.org_id", "programmes.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "programme_id", "code"),
        Index("ix_programme_tasks_org_id_programme_id_id", "org_id", "programme_id", "id"),
        Index("ix_programme_tasks_org_id_code_id", "org_id", "code", "id"),
        Index("ix_programme_tasks_org_id_title_id", "org_id", "title", "id"),
        Index("ix_programme_tasks_org_id_part_number_id", "org_id", "part_number", "id"),
        Index("ix_programme_tasks_org_id_airworthiness_limitation_id", "org_id", "airworthiness_limitation", "id"),
        Index("ix_programme_tasks_org_id_withdrawn_on_id", "org_id", "withdrawn_on", "id"),
        Index("ix_programme_tasks_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("programme_tasks"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    programme_id: Mapped[UUID]
    code: Mapped[str]
    title: Mapped[str]
    description: Mapped[str | None]
    part_number: Mapped[str | None]
    interval_minutes: Mapped[int | None]
    interval_cycles: Mapped[int | None]
    interval_days: Mapped[int | None]
    interval_months: Mapped[int | None]
    threshold_minutes: Mapped[int | None]
    threshold_cycles: Mapped[int | None]
    threshold_days: Mapped[int | None]
    threshold_months: Mapped[int | None]
    tolerance_minutes: Mapped[int] = mapped_column(default=0, server_default="0")
    tolerance_cycles: Mapped[int] = mapped_column(default=0, server_default="0")
    tolerance_days: Mapped[int] = mapped_column(default=0, server_default="0")
    rebasing: Mapped[str] = mapped_column(
        default=Rebasing.FROM_ACCOMPLISHMENT, server_default=Rebasing.FROM_ACCOMPLISHMENT
    )
    airworthiness_limitation: Mapped[bool] = mapped_column(default=False, server_default="false")
    required_inspection: Mapped[bool] = mapped_column(default=False, server_default="false")
    withdrawn_on: Mapped[date | None]
    search_text: Mapped[str | None] = searched("code", "title")


class AircraftProgramme(TenantMixin, Base):
    """An aircraft follows a programme. Calendar limits that have nothing else to count from count from `since`."""

    __tablename__ = "aircraft_programmes"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["org_id", "programme_id"], ["programmes.org_id", "programmes.id"]),
        UniqueConstraint("org_id", "aircraft_id", "programme_id"),
        Index("ix_aircraft_programmes_org_id_programme_id_id", "org_id", "programme_id", "id"),
        Index("ix_aircraft_programmes_org_id_since_id", "org_id", "since", "id"),
        Index("ix_aircraft_programmes_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    aircraft_id: Mapped[UUID]
    programme_id: Mapped[UUID]
    since: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Accomplishment(TenantMixin, Base):
    """A task was done. `basis_…` is what the next interval counts from, as the task's policy had it then. `is_latest`
    is kept by the commands: of a task on an aircraft, or on a component, only the last one that was not revoked has
    it. The rest of the record is never changed: the key and the grants see to it."""

    __tablename__ = "accomplishments"
    __table_args__ = (
        CheckConstraint("minutes >= 0 AND cycles >= 0", name="readings"),
        CheckConstraint("num_nulls(component_id, component_minutes, component_cycles) IN (0, 3)", name="component"),
        CheckConstraint("length(note) BETWEEN 1 AND 1000", name="note"),
        CheckConstraint("length(revocation) BETWEEN 1 AND 1000", name="revocation"),
        CheckConstraint("(revoked_at IS NULL) = (revocation IS NULL)", name="revoked"),
        CheckConstraint("NOT is_latest OR revoked_at IS NULL", name="latest"),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"]),
        ForeignKeyConstraint(["org_id", "task_id"], ["programme_tasks.org_id", "programme_tasks.id"]),
        ForeignKeyConstraint(["org_id", "component_id"], ["components.org_id", "components.id"]),
        Index(
            "uq_accomplishments_latest_on_aircraft",
            "org_id",
            "aircraft_id",
            "task_id",
            unique=True,
            postgresql_where=text("is_latest AND component_id IS NULL"),
        ),
        Index(
            "uq_accomplishments_latest_on_component",
            "org_id",
            "component_id",
            "task_id",
            unique=True,
            postgresql_where=text("is_latest AND component_id IS NOT NULL"),
        ),
        Index("ix_accomplishments_org_id_aircraft_id_performed_on_id", "org_id", "aircraft_id", "performed_on", "id"),
        Index("ix_accomplishments_org_id_task_id_id", "org_id", "task_id", "id"),
        Index("ix_accomplishments_org_id_component_id_id", "org_id", "component_id", "id"),
        Index("ix_accomplishments_org_id_task_card_id_id", "org_id", "task_card_id", "id"),
        Index("ix_accomplishments_org_id_performed_on_id", "org_id", "performed_on", "id"),
        Index("ix_accomplishments_org_id_recorder_id_id", "org_id", "recorder_id", "id"),
        Index("ix_accomplishments_org_id_revoked_at_id", "org_id", "revoked_at", "id"),
        Index("ix_accomplishments_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    aircraft_id: Mapped[UUID]
    task_id: Mapped[UUID]
    component_id: Mapped[UUID | None]
    performed_on: Mapped[date]
    minutes: Mapped[int]
    cycles: Mapped[int]
    component_minutes: Mapped[int | None]
    component_cycles: Mapped[int | None]
    basis_minutes: Mapped[int]
    basis_cycles: Mapped[int]
    basis_on: Mapped[date]
    is_latest: Mapped[bool] = mapped_column(default=True, server_default="true")
    task_card_id: Mapped[UUID | None]
    recorder_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    revoker_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    revocation: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
