"""Aircraft types: what the organization's aircraft are."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class AircraftCategory(StrEnum):
    """The classification of ICAO Annex 7, table 1, as far as organizations operate it."""

    AEROPLANE = "AEROPLANE"
    HELICOPTER = "HELICOPTER"
    GYROPLANE = "GYROPLANE"
    POWERED_LIFT = "POWERED_LIFT"
    GLIDER = "GLIDER"
    AIRSHIP = "AIRSHIP"
    BALLOON = "BALLOON"


class AircraftType(TenantMixin, TimestampMixin, Base):
    """Unique by manufacturer and model, upper and lower case alike. Null: not assigned or not stated."""

    __tablename__ = "aircraft_types"
    __table_args__ = (
        one_of("category", AircraftCategory),
        CheckConstraint("length(manufacturer) BETWEEN 1 AND 100", name="manufacturer"),
        CheckConstraint("length(model) BETWEEN 1 AND 100", name="model"),
        CheckConstraint("icao_designator ~ '^[A-Z][A-Z0-9]{1,3}$'", name="icao_designator"),
        CheckConstraint("length(type_certificate_holder) BETWEEN 1 AND 200", name="type_certificate_holder"),
        CheckConstraint("engine_count BETWEEN 0 AND 12", name="engine_count"),
        Index("uq_aircraft_types_name", "org_id", text("lower(manufacturer)"), text("lower(model)"), unique=True),
        Index("ix_aircraft_types_org_id_manufacturer_id", "org_id", "manufacturer", "id"),
        Index("ix_aircraft_types_org_id_model_id", "org_id", "model", "id"),
        Index("ix_aircraft_types_org_id_icao_designator_id", "org_id", "icao_designator", "id"),
        Index("ix_aircraft_types_org_id_category_id", "org_id", "category", "id"),
        Index("ix_aircraft_types_org_id_engine_count_id", "org_id", "engine_count", "id"),
        Index("ix_aircraft_types_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("aircraft_types"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    manufacturer: Mapped[str]
    model: Mapped[str]
    icao_designator: Mapped[str | None]
    type_certificate_holder: Mapped[str | None]
    engine_count: Mapped[int | None]
    category: Mapped[str]
    search_text: Mapped[str | None] = searched("manufacturer", "model", "icao_designator")
