"""Defects of aircraft, and their deferrals."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class DefectStatus(StrEnum):
    OPEN = "OPEN"
    DEFERRED = "DEFERRED"
    RECTIFIED = "RECTIFIED"


class MelCategory(StrEnum):
    """Repair categories of a minimum equipment list (FAA MMEL policy letter PL-25)."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Defect(TenantMixin, TimestampMixin, Base):
    """`number` counts within the organization; `found_on` is the day of discovery. `task_card_id` is the card on whose
    work it was found, not the one that rectifies it (that card names the defect)."""

    __tablename__ = "defects"
    __table_args__ = (
        one_of("status", DefectStatus),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("length(description) BETWEEN 1 AND 4000", name="description"),
        CheckConstraint("ata_chapter ~ '^[0-9]{2}(-[0-9]{2}){0,2}$'", name="ata_chapter"),
        CheckConstraint("(status = 'RECTIFIED') = (rectified_on IS NOT NULL)", name="rectified"),
        CheckConstraint("rectified_on >= found_on", name="rectified_on"),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"]),
        ForeignKeyConstraint(
            ["org_id", "task_card_id", "aircraft_id"],
            ["task_cards.org_id", "task_cards.id", "task_cards.aircraft_id"],
        ),
        UniqueConstraint("org_id", "number"),
        UniqueConstraint("org_id", "id", "aircraft_id"),
        Index("ix_defects_org_id_number_id", "org_id", "number", "id"),
        Index("ix_defects_org_id_aircraft_id_id", "org_id", "aircraft_id", "id"),
        Index("ix_defects_org_id_task_card_id_id", "org_id", "task_card_id", "id"),
        Index("ix_defects_org_id_status_id", "org_id", "status", "id"),
        Index("ix_defects_org_id_ata_chapter_id", "org_id", "ata_chapter", "id"),
        Index("ix_defects_org_id_found_on_id", "org_id", "found_on", "id"),
        Index("ix_defects_org_id_rectified_on_id", "org_id", "rectified_on", "id"),
        Index("ix_defects_org_id_reporter_id_id", "org_id", "reporter_id", "id"),
        Index("ix_defects_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("defects"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    number: Mapped[int]
    aircraft_id: Mapped[UUID]
    task_card_id: Mapped[UUID | None]
    description: Mapped[str]
    ata_chapter: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=DefectStatus.OPEN, server_default=DefectStatus.OPEN)
    found_on: Mapped[date]
    reporter_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    rectified_on: Mapped[date | None]
    search_text: Mapped[str | None] = searched("description")


class Deferral(TenantMixin, TimestampMixin, Base):
    """A defect that may fly, for a while. `due_on` is the last day, its extension included; `due_minutes` and
    `due_cycles` are totals of the aircraft, for items of category A whose limit is stated in them. It is in force
    until `ended_on`, the day of the rectification."""

    __tablename__ = "deferrals"
    __table_args__ = (
        one_of("category", MelCategory),
        CheckConstraint("length(mel_item) BETWEEN 1 AND 50", name="mel_item"),
        CheckConstraint("length(limitations) BETWEEN 1 AND 4000", name="limitations"),
        CheckConstraint("interval_days >= 1 AND due_minutes >= 0 AND due_cycles >= 0", name="limits"),
        CheckConstraint("(interval_days IS NULL) = (due_on IS NULL)", name="days"),
        CheckConstraint(
            "CASE category WHEN 'A' THEN num_nonnulls(due_on, due_minutes, due_cycles) >= 1"
            " ELSE num_nonnulls(due_minutes, due_cycles) = 0 AND interval_days IS NOT NULL"
            " AND interval_days = CASE category WHEN 'B' THEN 3 WHEN 'C' THEN 10 ELSE 120 END END",
            name="interval",
        ),
        CheckConstraint(
            "extension_days IS NULL OR (category <> 'A' AND extension_days BETWEEN 1 AND interval_days)",
            name="extension",
        ),
        CheckConstraint(
            "num_nonnulls(extension_days, extension_reason, extended_on, extended_authorisation_id) IN (0, 4)",
            name="extended",
        ),
        CheckConstraint("length(extension_reason) BETWEEN 1 AND 1000", name="extension_reason"),
        ForeignKeyConstraint(
            ["org_id", "defect_id", "aircraft_id"], ["defects.org_id", "defects.id", "defects.aircraft_id"]
        ),
        ForeignKeyConstraint(["org_id", "authorisation_id"], ["authorisations.org_id", "authorisations.id"]),
        ForeignKeyConstraint(["org_id", "extended_authorisation_id"], ["authorisations.org_id", "authorisations.id"]),
        UniqueConstraint("org_id", "defect_id"),
        Index("ix_deferrals_org_id_aircraft_id_ended_on_id", "org_id", "aircraft_id", "ended_on", "id"),
        Index("ix_deferrals_org_id_category_id", "org_id", "category", "id"),
        Index("ix_deferrals_org_id_deferred_on_id", "org_id", "deferred_on", "id"),
        Index("ix_deferrals_org_id_due_on_id", "org_id", "due_on", "id"),
        Index("ix_deferrals_org_id_ended_on_id", "org_id", "ended_on", "id"),
        Index("ix_deferrals_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    defect_id: Mapped[UUID]
    aircraft_id: Mapped[UUID]
    category: Mapped[str]
    mel_item: Mapped[str]
    limitations: Mapped[str | None]
    interval_days: Mapped[int | None]
    deferred_on: Mapped[date]
    due_on: Mapped[date | None]
    due_minutes: Mapped[int | None]
    due_cycles: Mapped[int | None]
    signatory_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    authorisation_id: Mapped[UUID]
    extension_days: Mapped[int | None]
    extension_reason: Mapped[str | None]
    extended_on: Mapped[date | None]
    extender_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    extended_authorisation_id: Mapped[UUID | None]
    ended_on: Mapped[date | None]
