"""What is due: views, so that nothing can be out of step with the records it follows from."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class DueKind(StrEnum):
    TASK = "TASK"
    COMPONENT_TASK = "COMPONENT_TASK"
    LIFE_LIMIT = "LIFE_LIMIT"
    DIRECTIVE = "DIRECTIVE"


class DueDimension(StrEnum):
    HOURS = "HOURS"
    CYCLES = "CYCLES"
    CALENDAR = "CALENDAR"


class DueState(StrEnum):
    OK = "OK"
    DUE_SOON = "DUE_SOON"
    IN_TOLERANCE = "IN_TOLERANCE"
    OVERDUE = "OVERDUE"


class DueColumns:
    """What is due, at which readings; `life_…` are the readings now, of the aircraft or of the component."""

    org_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-3)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    kind: Mapped[str]
    aircraft_id: Mapped[UUID]
    component_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    directive_id: Mapped[UUID | None]
    code: Mapped[str]
    title: Mapped[str]
    airworthiness_limitation: Mapped[bool]
    due_minutes: Mapped[int | None]
    due_cycles: Mapped[int | None]
    due_on: Mapped[date | None]
    tolerance_minutes: Mapped[int]
    tolerance_cycles: Mapped[int]
    tolerance_days: Mapped[int]
    life_minutes: Mapped[int]
    life_cycles: Mapped[int]


class DuePoint(DueColumns, Base):
    """The same at any time: it changes with the records only."""

    __tablename__ = "due_points"
    __table_args__ = {"info": {"view": True}}  # noqa: RUF012 - SQLAlchemy reads it once


class DueItem(DueColumns, Base):
    """As of the organization's today: it changes with the day as well."""

    __tablename__ = "due_items"
    __table_args__ = {"info": {"view": True}}  # noqa: RUF012 - SQLAlchemy reads it once

    remaining_minutes: Mapped[int | None]
    remaining_cycles: Mapped[int | None]
    remaining_days: Mapped[int | None]
    forecast_on: Mapped[date | None]
    limiting: Mapped[str]
    state: Mapped[str]


class UtilisationRate(Base):
    """What an aircraft flew on the last `days` days: the organization's window, or since its log began."""

    __tablename__ = "utilisation_rates"
    __table_args__ = {"info": {"view": True}}  # noqa: RUF012 - SQLAlchemy reads it once

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    today: Mapped[date]
    days: Mapped[int]
    minutes: Mapped[int]
    cycles: Mapped[int]
    due_soon_days: Mapped[int]
