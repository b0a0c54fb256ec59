"""Airworthiness directives and service bulletins, which aircraft they are for, and what was done about them."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.maintenance.programme import POSITIVE
from db.search import search_index, searched


class DirectiveKind(StrEnum):
    AD = "AD"
    SB = "SB"


class DirectiveStatus(StrEnum):
    NOT_APPLICABLE = "NOT_APPLICABLE"
    OPEN = "OPEN"
    COMPLIED = "COMPLIED"
    SUPERSEDED = "SUPERSEDED"


class DirectiveDecision(StrEnum):
    COMPLIED = "COMPLIED"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Directive(TenantMixin, TimestampMixin, Base):
    """`threshold_…` counts from new, `within_…` from the effective date; of two limits in one dimension the later
    holds. `interval_…` repeats it. Without any of them nothing is due: it is only kept track of."""

    __tablename__ = "directives"
    __table_args__ = (
        one_of("kind", DirectiveKind),
        CheckConstraint("length(number) BETWEEN 1 AND 50 AND number = upper(number)", name="number"),
        CheckConstraint("length(revision) BETWEEN 1 AND 50", name="revision"),
        CheckConstraint("length(title) BETWEEN 1 AND 200", name="title"),
        CheckConstraint("length(issuer) BETWEEN 1 AND 100", name="issuer"),
        CheckConstraint("length(method) BETWEEN 1 AND 10000", name="method"),
        CheckConstraint(POSITIVE, name="intervals"),
        CheckConstraint("threshold_minutes > 0 AND threshold_cycles > 0", name="thresholds"),
        CheckConstraint(
            "within_minutes >= 0 AND within_cycles >= 0 AND within_days >= 0 AND within_months >= 0", name="within"
        ),
        CheckConstraint("superseded_by_id <> id", name="superseded"),
        ForeignKeyConstraint(["org_id", "superseded_by_id"], ["directives.org_id", "directives.id"]),
        Index("uq_directives_number", "org_id", "number", text("COALESCE(revision, ''::text)"), unique=True),
        Index("ix_directives_org_id_kind_id", "org_id", "kind", "id"),
        Index("ix_directives_org_id_number_id", "org_id", "number", "id"),
        Index("ix_directives_org_id_issuer_id", "org_id", "issuer", "id"),
        Index("ix_directives_org_id_effective_on_id", "org_id", "effective_on", "id"),
        Index("ix_directives_org_id_superseded_by_id_id", "org_id", "superseded_by_id", "id"),
        Index("ix_directives_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("directives"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    kind: Mapped[str]
    number: Mapped[str]
    revision: Mapped[str | None]
    title: Mapped[str]
    issuer: Mapped[str]
    effective_on: Mapped[date]
    method: Mapped[str | None]
    threshold_minutes: Mapped[int | None]
    threshold_cycles: Mapped[int | None]
    within_minutes: Mapped[int | None]
    within_cycles: Mapped[int | None]
    within_days: Mapped[int | None]
    within_months: Mapped[int | None]
    interval_minutes: Mapped[int | None]
    interval_cycles: Mapped[int | None]
    interval_days: Mapped[int | None]
    interval_months: Mapped[int | None]
    superseded_by_id: Mapped[UUID | None]
    search_text: Mapped[str | None] = searched("number", "title")


class DirectiveApplicability(TenantMixin, Base):
    """Aircraft of a type, all of them or those with serial numbers in a range. Shorter serial numbers come before
    longer ones, so that 99 comes before 100."""

    __tablename__ = "directive_applicability"
    __table_args__ = (
        CheckConstraint(
            "length(serial_from) BETWEEN 1 AND 50 AND serial_from = upper(serial_from)", name="serial_from"
        ),
        CheckConstraint("length(serial_to) BETWEEN 1 AND 50 AND serial_to = upper(serial_to)", name="serial_to"),
        ForeignKeyConstraint(["org_id", "directive_id"], ["directives.org_id", "directives.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["org_id", "type_id"], ["aircraft_types.org_id", "aircraft_types.id"]),
        Index("ix_directive_applicability_org_id_directive_id_id", "org_id", "directive_id", "id"),
        Index("ix_directive_applicability_org_id_type_id_id", "org_id", "type_id", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    directive_id: Mapped[UUID]
    type_id: Mapped[UUID]
    serial_from: Mapped[str | None]
    serial_to: Mapped[str | None]


class DirectiveEntry(TenantMixin, Base):
    """What was done or decided about a directive on an aircraft. `is_latest` is kept by the commands: only the last
    entry that was not revoked has it. The rest of the record is never changed: the grants see to it."""

    __tablename__ = "directive_entries"
    __table_args__ = (
        one_of("decision", DirectiveDecision),
        CheckConstraint("minutes >= 0 AND cycles >= 0", name="readings"),
        CheckConstraint("length(method) BETWEEN 1 AND 1000", name="method"),
        CheckConstraint("decision = 'COMPLIED' OR NOT terminating", name="terminating"),
        CheckConstraint("length(revocation) BETWEEN 1 AND 1000", name="revocation"),
        CheckConstraint("(revoked_at IS NULL) = (revocation IS NULL)", name="revoked"),
        CheckConstraint("NOT is_latest OR revoked_at IS NULL", name="latest"),
        ForeignKeyConstraint(["org_id", "aircraft_id"], ["aircraft.org_id", "aircraft.id"]),
        ForeignKeyConstraint(["org_id", "directive_id"], ["directives.org_id", "directives.id"]),
        Index(
            "uq_directive_entries_latest",
            "org_id",
            "aircraft_id",
            "directive_id",
            unique=True,
            postgresql_where=text("is_latest"),
        ),
        Index("ix_directive_entries_org_id_aircraft_id_performed_on_id", "org_id", "aircraft_id", "performed_on", "id"),
        Index("ix_directive_entries_org_id_directive_id_id", "org_id", "directive_id", "id"),
        Index("ix_directive_entries_org_id_decision_id", "org_id", "decision", "id"),
        Index("ix_directive_entries_org_id_task_card_id_id", "org_id", "task_card_id", "id"),
        Index("ix_directive_entries_org_id_performed_on_id", "org_id", "performed_on", "id"),
        Index("ix_directive_entries_org_id_recorder_id_id", "org_id", "recorder_id", "id"),
        Index("ix_directive_entries_org_id_revoked_at_id", "org_id", "revoked_at", "id"),
        Index("ix_directive_entries_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    aircraft_id: Mapped[UUID]
    directive_id: Mapped[UUID]
    decision: Mapped[str]
    performed_on: Mapped[date]
    minutes: Mapped[int]
    cycles: Mapped[int]
    method: Mapped[str]
    terminating: Mapped[bool] = mapped_column(default=False, server_default="false")
    is_latest: Mapped[bool] = mapped_column(default=True, server_default="true")
    task_card_id: Mapped[UUID | None]
    recorder_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    revoked_at: Mapped[datetime | None]
    revoker_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    revocation: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class DirectiveState(Base):
    """A view: the status of every directive on every aircraft that it is for, and when it is due next."""

    __tablename__ = "directive_statuses"
    __table_args__ = {"info": {"view": True}}  # noqa: RUF012 - SQLAlchemy reads it once

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    directive_id: Mapped[UUID]
    aircraft_id: Mapped[UUID]
    status: Mapped[str]
    entry_id: Mapped[UUID | None]
    decided_on: Mapped[date | None]
    due_minutes: Mapped[int | None]
    due_cycles: Mapped[int | None]
    due_on: Mapped[date | None]
