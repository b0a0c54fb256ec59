"""Findings: what does not comply, how grave it is, and until when it is mended."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class FindingLevel(StrEnum):
    LEVEL_1 = "LEVEL_1"
    LEVEL_2 = "LEVEL_2"
    OBSERVATION = "OBSERVATION"


class FindingStatus(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Finding(TenantMixin, TimestampMixin, Base):
    """`number` counts in the organization without gaps. `first_due_on` is what `due_on` was before an extension."""

    __tablename__ = "findings"
    __table_args__ = (
        one_of("level", FindingLevel),
        one_of("status", FindingStatus),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("length(title) BETWEEN 1 AND 200", name="title"),
        CheckConstraint("length(description) BETWEEN 1 AND 4000", name="description"),
        CheckConstraint("length(requirement) BETWEEN 1 AND 200", name="requirement"),
        CheckConstraint("length(immediate_action) BETWEEN 1 AND 4000", name="immediate_action"),
        CheckConstraint("length(extension_reason) BETWEEN 1 AND 4000", name="extension_reason"),
        CheckConstraint("length(closing_note) BETWEEN 1 AND 4000", name="closing_note"),
        CheckConstraint("item_id IS NULL OR audit_id IS NOT NULL", name="item"),
        CheckConstraint("(level = 'OBSERVATION') = (due_on IS NULL)", name="due"),
        CheckConstraint("(due_on IS NULL) = (first_due_on IS NULL)", name="first_due"),
        CheckConstraint("due_on >= raised_on", name="due_after_raised"),
        CheckConstraint("(immediate_action IS NULL) = (contained_on IS NULL)", name="contained"),
        CheckConstraint("(extension_reason IS NULL) = (extended_on IS NULL)", name="extended"),
        CheckConstraint("(status = 'CLOSED') = (closed_on IS NOT NULL)", name="closed"),
        CheckConstraint(
            "status = 'OPEN' OR level <> 'LEVEL_1' OR contained_on IS NOT NULL", name="closed_only_when_contained"
        ),
        ForeignKeyConstraint(["org_id", "audit_id"], ["audits.org_id", "audits.id"]),
        ForeignKeyConstraint(
            ["org_id", "audit_id", "item_id"],
            ["audit_checklist_items.org_id", "audit_checklist_items.audit_id", "audit_checklist_items.id"],
        ),
        ForeignKeyConstraint(["org_id", "department_id"], ["departments.org_id", "departments.id"]),
        ForeignKeyConstraint(["org_id", "owner_id"], ["memberships.org_id", "memberships.user_id"]),
        UniqueConstraint("org_id", "number"),
        Index("ix_findings_org_id_number_id", "org_id", "number", "id"),
        Index("ix_findings_org_id_audit_id_id", "org_id", "audit_id", "id"),
        Index("ix_findings_org_id_item_id_id", "org_id", "item_id", "id"),
        Index("ix_findings_org_id_title_id", "org_id", "title", "id"),
        Index("ix_findings_org_id_requirement_id", "org_id", "requirement", "id"),
        Index("ix_findings_org_id_level_id", "org_id", "level", "id"),
        Index("ix_findings_org_id_status_id", "org_id", "status", "id"),
        Index("ix_findings_org_id_department_id_id", "org_id", "department_id", "id"),
        Index("ix_findings_org_id_owner_id_id", "org_id", "owner_id", "id"),
        Index("ix_findings_org_id_raised_on_id", "org_id", "raised_on", "id"),
        Index("ix_findings_org_id_due_on_id", "org_id", "due_on", "id"),
        Index("ix_findings_org_id_closed_on_id", "org_id", "closed_on", "id"),
        Index("ix_findings_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("findings"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    number: Mapped[int]
    audit_id: Mapped[UUID | None]
    item_id: Mapped[UUID | None]
    title: Mapped[str]
    description: Mapped[str]
    requirement: Mapped[str | None]
    level: Mapped[str]
    status: Mapped[str] = mapped_column(default=FindingStatus.OPEN, server_default=FindingStatus.OPEN)
    department_id: Mapped[UUID | None]
    owner_id: Mapped[UUID]
    raised_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    raised_on: Mapped[date]
    due_on: Mapped[date | None]
    first_due_on: Mapped[date | None]
    immediate_action: Mapped[str | None]
    contained_on: Mapped[date | None]
    extended_on: Mapped[date | None]
    extension_reason: Mapped[str | None]
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    closed_on: Mapped[date | None]
    closing_note: Mapped[str | None]
    search_text: Mapped[str | None] = searched("title", "description", "requirement")
