"""Audits and their checklists."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of
from db.search import search_index, searched


class AuditKind(StrEnum):
    SYSTEM = "SYSTEM"
    PRODUCT = "PRODUCT"
    SUPPLIER = "SUPPLIER"
    AUTHORITY = "AUTHORITY"


class AuditStatus(StrEnum):
    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    REPORTED = "REPORTED"
    CLOSED = "CLOSED"


class ChecklistResult(StrEnum):
    NOT_CHECKED = "NOT_CHECKED"
    CONFORMS = "CONFORMS"
    DEVIATES = "DEVIATES"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Audit(TenantMixin, TimestampMixin, Base):
    """`reference` is unique whatever the case. The days are the organization's."""

    __tablename__ = "audits"
    __table_args__ = (
        one_of("kind", AuditKind),
        one_of("status", AuditStatus),
        CheckConstraint("length(reference) BETWEEN 1 AND 40", name="reference"),
        CheckConstraint("length(title) BETWEEN 1 AND 200", name="title"),
        CheckConstraint("length(scope) BETWEEN 1 AND 4000", name="scope"),
        CheckConstraint("length(summary) BETWEEN 1 AND 10000", name="summary"),
        CheckConstraint("(status = 'PLANNED') = (started_on IS NULL)", name="started"),
        CheckConstraint("(status IN ('REPORTED', 'CLOSED')) = (reported_on IS NOT NULL)", name="reported"),
        CheckConstraint("(reported_on IS NULL) = (summary IS NULL)", name="summarised"),
        CheckConstraint("(status = 'CLOSED') = (closed_on IS NOT NULL)", name="closed"),
        ForeignKeyConstraint(["org_id", "department_id"], ["departments.org_id", "departments.id"]),
        ForeignKeyConstraint(["org_id", "lead_auditor_id"], ["memberships.org_id", "memberships.user_id"]),
        Index("uq_audits_org_id_reference", "org_id", text("lower(reference)"), unique=True),
        Index("ix_audits_org_id_reference_id", "org_id", "reference", "id"),
        Index("ix_audits_org_id_title_id", "org_id", "title", "id"),
        Index("ix_audits_org_id_kind_id", "org_id", "kind", "id"),
        Index("ix_audits_org_id_status_id", "org_id", "status", "id"),
        Index("ix_audits_org_id_department_id_id", "org_id", "department_id", "id"),
        Index("ix_audits_org_id_lead_auditor_id_id", "org_id", "lead_auditor_id", "id"),
        Index("ix_audits_org_id_planned_on_id", "org_id", "planned_on", "id"),
        Index("ix_audits_org_id_started_on_id", "org_id", "started_on", "id"),
        Index("ix_audits_org_id_reported_on_id", "org_id", "reported_on", "id"),
        Index("ix_audits_org_id_closed_on_id", "org_id", "closed_on", "id"),
        Index("ix_audits_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("audits"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    reference: Mapped[str]
    title: Mapped[str]
    kind: Mapped[str]
    scope: Mapped[str | None]
    department_id: Mapped[UUID | None]
    lead_auditor_id: Mapped[UUID]
    planned_on: Mapped[date]
    status: Mapped[str] = mapped_column(default=AuditStatus.PLANNED, server_default=AuditStatus.PLANNED)
    started_on: Mapped[date | None]
    reported_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    summary: Mapped[str | None]
    search_text: Mapped[str | None] = searched("reference", "title")


class AuditChecklistItem(TenantMixin, TimestampMixin, Base):
    """One question of an audit. Its unique key with the audit lets a finding name an item of its own audit only."""

    __tablename__ = "audit_checklist_items"
    __table_args__ = (
        one_of("result", ChecklistResult),
        CheckConstraint("position BETWEEN 1 AND 1000", name="position"),
        CheckConstraint("length(requirement) BETWEEN 1 AND 200", name="requirement"),
        CheckConstraint("length(question) BETWEEN 1 AND 1000", name="question"),
        CheckConstraint("length(remark) BETWEEN 1 AND 4000", name="remark"),
        CheckConstraint("(result = 'NOT_CHECKED') = (checked_at IS NULL)", name="checked"),
        ForeignKeyConstraint(["org_id", "audit_id"], ["audits.org_id", "audits.id"], ondelete="CASCADE"),
        UniqueConstraint("org_id", "audit_id", "id"),
        UniqueConstraint("org_id", "audit_id", "position"),
        Index("ix_audit_checklist_items_org_id_position_id", "org_id", "position", "id"),
        Index("ix_audit_checklist_items_org_id_requirement_id", "org_id", "requirement", "id"),
        Index("ix_audit_checklist_items_org_id_result_id", "org_id", "result", "id"),
        Index("ix_audit_checklist_items_org_id_checked_at_id", "org_id", "checked_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    audit_id: Mapped[UUID]
    position: Mapped[int]
    requirement: Mapped[str | None]
    question: Mapped[str]
    result: Mapped[str] = mapped_column(default=ChecklistResult.NOT_CHECKED, server_default=ChecklistResult.NOT_CHECKED)
    remark: Mapped[str | None]
    checked_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    checked_at: Mapped[datetime | None]
