"""Components: parts with a life of their own, and where they were installed."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin
from db.search import search_index, searched

# Fixed by SQL, so that no command can carry over anything else than what was flown.
REMOVED_AT = "component_{0} + removed_aircraft_{0} - aircraft_{0}"


class Component(TenantMixin, TimestampMixin, Base):
    """`opening_…` is its life when it came into the register; what it has now follows from its installations and the
    totals of the aircraft that it is on. `overhaul_…` is its life since new at the last overhaul."""

    __tablename__ = "components"
    __table_args__ = (
        CheckConstraint(
            "part_number = upper(part_number) AND length(part_number) BETWEEN 1 AND 50", name="part_number"
        ),
        CheckConstraint(
            "serial_number = upper(serial_number) AND length(serial_number) BETWEEN 1 AND 50", name="serial_number"
        ),
        CheckConstraint("length(description) BETWEEN 1 AND 200", name="description"),
        CheckConstraint("length(manufacturer) BETWEEN 1 AND 100", name="manufacturer"),
        CheckConstraint("opening_minutes >= 0 AND opening_cycles >= 0", name="opening"),
        CheckConstraint("num_nulls(overhauled_on, overhaul_minutes, overhaul_cycles) IN (0, 3)", name="overhaul"),
        CheckConstraint("overhaul_minutes >= 0 AND overhaul_cycles >= 0", name="overhaul_life"),
        CheckConstraint(
            "life_limit_minutes > 0 AND life_limit_cycles > 0 AND life_limit_months > 0", name="life_limits"
        ),
        CheckConstraint("life_limit_months IS NULL OR manufactured_on IS NOT NULL", name="calendar_life"),
        UniqueConstraint("org_id", "part_number", "serial_number"),
        Index("ix_components_org_id_part_number_id", "org_id", "part_number", "id"),
        Index("ix_components_org_id_serial_number_id", "org_id", "serial_number", "id"),
        Index("ix_components_org_id_manufactured_on_id", "org_id", "manufactured_on", "id"),
        Index("ix_components_org_id_overhauled_on_id", "org_id", "overhauled_on", "id"),
        Index("ix_components_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("components"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    part_number: Mapped[str]
    serial_number: Mapped[str]
    description: Mapped[str]
    manufacturer: Mapped[str | None]
    manufactured_on: Mapped[date | None]
    opening_minutes: Mapped[int] = mapped_column(default=0, server_default="0")
    opening_cycles: Mapped[int] = mapped_column(default=0, server_default="0")
    overhauled_on: Mapped[date | None]
    overhaul_minutes: Mapped[int | None]
    overhaul_cycles: Mapped[int | None]
    life_limit_minutes: Mapped[int | None]
    life_limit_cycles: Mapped[int | None]
    life_limit_months: Mapped[int | None]
    search_text: Mapped[str | None] = searched("part_number", "serial_number", "description")


class Installation(TenantMixin, TimestampMixin, Base):
    """A component's time on one aircraft. A component's installations are numbered from 1, and each begins with the
    life that the one before ended with: a foreign key says so, so there is neither gap nor overlap, and when what was
    flown before is corrected, the later ones follow (ON UPDATE CASCADE)."""

    __tablename__ = "installations"
    __table_args__ = (
        CheckConstraint("length(position) BETWEEN 1 AND 50 AND position = upper(position)", name="position"),
        CheckConstraint("number = coalesce(previous, 0) + 1", name="number"),
        CheckConstraint("(previous IS NULL) = (previous_removed_on IS NULL)", name="previous"),
        CheckConstraint("installed_on >= previous_removed_on AND removed_on >= installed_on", name="days"),
        CheckConstraint(
            "num_nulls(removed_on, removed_aircraft_minutes, removed_aircraft_cycles) IN (0, 3)", name="removed"
        ),
        CheckConstraint(
            "removed_aircraft_minutes >= aircraft_minutes AND removed_aircraft_cycles >= aircraft_cycles",
            name="not_backwards",
        ),
        CheckConstraint("length(removal_reason) BETWEEN 1 AND 1000", name="removal_reason"),
        CheckConstraint("removal_reason IS NULL OR removed_on IS NOT NULL", name="reason_of_removal"),
        ForeignKeyConstraint(["org_id", "component_id"], ["components.org_id", "components.id"]),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"]),
        UniqueConstraint("org_id", "component_id", "number"),
        UniqueConstraint(
            "org_id",
            "component_id",
            "number",
            "removed_on",
            "removed_component_minutes",
            "removed_component_cycles",
            name="uq_installations_end",
        ),
        ForeignKeyConstraint(
            ["org_id", "component_id", "previous", "previous_removed_on", "component_minutes", "component_cycles"],
            [
                "installations.org_id",
                "installations.component_id",
                "installations.number",
                "installations.removed_on",
                "installations.removed_component_minutes",
                "installations.removed_component_cycles",
            ],
            name="fk_installations_previous",
            onupdate="CASCADE",
        ),
        Index(
            "uq_installations_on_aircraft",
            "org_id",
            "component_id",
            unique=True,
            postgresql_where=text("removed_on IS NULL"),
        ),
        Index(
            "uq_installations_place",
            "org_id",
            "aircraft_id",
            "position",
            unique=True,
            postgresql_where=text("removed_on IS NULL"),
        ),
        Index("ix_installations_org_id_aircraft_id_installed_on_id", "org_id", "aircraft_id", "installed_on", "id"),
        Index("ix_installations_org_id_component_id_id", "org_id", "component_id", "id"),
        Index("ix_installations_org_id_position_id", "org_id", "position", "id"),
        Index("ix_installations_org_id_installed_on_id", "org_id", "installed_on", "id"),
        Index("ix_installations_org_id_removed_on_id", "org_id", "removed_on", "id"),
        Index("ix_installations_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    component_id: Mapped[UUID]
    aircraft_id: Mapped[UUID]
    position: Mapped[str]
    number: Mapped[int]
    previous: Mapped[int | None]
    previous_removed_on: Mapped[date | None]
    installed_on: Mapped[date]
    aircraft_minutes: Mapped[int]
    aircraft_cycles: Mapped[int]
    component_minutes: Mapped[int]
    component_cycles: Mapped[int]
    removed_on: Mapped[date | None]
    removed_aircraft_minutes: Mapped[int | None]
    removed_aircraft_cycles: Mapped[int | None]
    removed_component_minutes: Mapped[int | None] = mapped_column(
        Computed(REMOVED_AT.format("minutes"), persisted=True)
    )
    removed_component_cycles: Mapped[int | None] = mapped_column(Computed(REMOVED_AT.format("cycles"), persisted=True))
    removal_reason: Mapped[str | None]
