"""Aircraft and their totals."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class AircraftStatus(StrEnum):
    ACTIVE = "ACTIVE"
    MAINTENANCE = "MAINTENANCE"
    STORED = "STORED"
    RETIRED = "RETIRED"


class Aircraft(TenantMixin, TimestampMixin, Base):
    """Registration and serial number are stored in upper case, so that plain uniqueness ignores case.

    `total_minutes` and `total_cycles` are the sums of the utilisation log, kept by its commands under this
    row's lock; `version` counts changes of the record itself, not of the totals.
    """

    __tablename__ = "aircraft"
    __table_args__ = (
        one_of("status", AircraftStatus),
        CheckConstraint("registration ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$'", name="registration"),
        CheckConstraint("length(registration) BETWEEN 2 AND 10", name="registration_length"),
        CheckConstraint(
            "length(serial_number) BETWEEN 1 AND 50 AND serial_number = upper(serial_number)",
            name="serial_number",
        ),
        CheckConstraint("base_airport ~ '^[A-Z]{4}$'", name="base_airport"),
        CheckConstraint("total_minutes >= 0 AND total_cycles >= 0", name="totals"),
        ForeignKeyConstraint(["org_id", "type_id"], ["aircraft_types.org_id", "aircraft_types.id"]),
        UniqueConstraint("org_id", "registration"),
        # Deferrable, because an import may swap two serial numbers in one statement.
        UniqueConstraint("org_id", "type_id", "serial_number", deferrable=True),
        Index("ix_aircraft_org_id_registration_id", "org_id", "registration", "id"),
        Index("ix_aircraft_org_id_type_id_id", "org_id", "type_id", "id"),
        Index("ix_aircraft_org_id_serial_number_id", "org_id", "serial_number", "id"),
        Index("ix_aircraft_org_id_status_id", "org_id", "status", "id"),
        Index("ix_aircraft_org_id_manufactured_on_id", "org_id", "manufactured_on", "id"),
        Index("ix_aircraft_org_id_base_airport_id", "org_id", "base_airport", "id"),
        Index("ix_aircraft_org_id_total_minutes_id", "org_id", "total_minutes", "id"),
        Index("ix_aircraft_org_id_total_cycles_id", "org_id", "total_cycles", "id"),
        Index("ix_aircraft_org_id_created_at_id", "org_id", "created_at", "id"),
        Index("ix_aircraft_org_id_updated_at_id", "org_id", "updated_at", "id"),
        search_index("aircraft"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    registration: Mapped[str]
    type_id: Mapped[UUID]
    serial_number: Mapped[str]
    status: Mapped[str] = mapped_column(default=AircraftStatus.ACTIVE, server_default=AircraftStatus.ACTIVE)
    manufactured_on: Mapped[date | None]
    base_airport: Mapped[str | None]
    total_minutes: Mapped[int] = mapped_column(default=0, server_default="0")
    total_cycles: Mapped[int] = mapped_column(default=0, server_default="0")
    search_text: Mapped[str | None] = searched("registration", "serial_number")
