"""The utilisation log: what an aircraft flew, only ever added to."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, one_of


class UtilisationKind(StrEnum):
    OPENING = "OPENING"
    FLIGHT = "FLIGHT"
    CORRECTION = "CORRECTION"


class UtilisationEntry(TenantMixin, Base):
    """A correction holds the difference to what the entry it names counted for; only it may be negative.

    The foreign key of `corrects_id` names the aircraft too: a correction is of the same aircraft. The key and
    a trigger refuse every change; a cascade takes an opening entry away with an aircraft that never flew.
    """

    __tablename__ = "utilisation_entries"
    __table_args__ = (
        one_of("kind", UtilisationKind),
        CheckConstraint("(kind = 'CORRECTION') = (corrects_id IS NOT NULL)", name="corrects"),
        CheckConstraint("kind = 'CORRECTION' OR (minutes >= 0 AND cycles >= 0)", name="not_negative"),
        CheckConstraint("kind <> 'FLIGHT' OR minutes <= 1440", name="day"),
        CheckConstraint("minutes <> 0 OR cycles <> 0", name="not_empty"),
        CheckConstraint("length(note) BETWEEN 1 AND 1000", name="note"),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "aircraft_id", "id"),
        ForeignKeyConstraint(
            ["org_id", "aircraft_id", "corrects_id"],
            ["utilisation_entries.org_id", "utilisation_entries.aircraft_id", "utilisation_entries.id"],
        ),
        Index(
            "uq_utilisation_entries_opening",
            "org_id",
            "aircraft_id",
            unique=True,
            postgresql_where=text("kind = 'OPENING'"),
        ),
        Index(
            "ix_utilisation_entries_org_id_aircraft_id_flown_on_id",
            "org_id",
            "aircraft_id",
            "flown_on",
            "id",
        ),
        Index("ix_utilisation_entries_org_id_corrects_id_id", "org_id", "corrects_id", "id"),
        Index("ix_utilisation_entries_org_id_flown_on_id", "org_id", "flown_on", "id"),
        Index("ix_utilisation_entries_org_id_kind_id", "org_id", "kind", "id"),
        Index("ix_utilisation_entries_org_id_reporter_id_id", "org_id", "reporter_id", "id"),
        Index("ix_utilisation_entries_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    aircraft_id: Mapped[UUID]
    kind: Mapped[str]
    flown_on: Mapped[date]
    minutes: Mapped[int]
    cycles: Mapped[int]
    reporter_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    corrects_id: Mapped[UUID | None]
    note: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
