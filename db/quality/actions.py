"""Corrective and preventive actions on findings."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of


class ActionStatus(StrEnum):
    PROPOSED = "PROPOSED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    IMPLEMENTED = "IMPLEMENTED"
    VERIFIED = "VERIFIED"


class CorrectiveAction(TenantMixin, TimestampMixin, Base):
    """Whoever accepts or verifies it is neither its owner nor who implemented it: also where the commands err."""

    __tablename__ = "corrective_actions"
    __table_args__ = (
        one_of("status", ActionStatus),
        CheckConstraint("length(root_cause) BETWEEN 1 AND 4000", name="root_cause"),
        CheckConstraint("length(corrective_action) BETWEEN 1 AND 4000", name="corrective_action"),
        CheckConstraint("length(preventive_action) BETWEEN 1 AND 4000", name="preventive_action"),
        CheckConstraint("length(review_note) BETWEEN 1 AND 4000", name="review_note"),
        CheckConstraint("length(implementation_note) BETWEEN 1 AND 4000", name="implementation_note"),
        CheckConstraint("length(verification_note) BETWEEN 1 AND 4000", name="verification_note"),
        CheckConstraint(
            "(status IN ('ACCEPTED', 'IMPLEMENTED', 'VERIFIED')) = (accepted_on IS NOT NULL)", name="accepted"
        ),
        CheckConstraint("(status IN ('IMPLEMENTED', 'VERIFIED')) = (implemented_on IS NOT NULL)", name="implemented"),
        CheckConstraint("(status = 'VERIFIED') = (verified_on IS NOT NULL)", name="verified"),
        CheckConstraint("accepted_by_id <> owner_id", name="accepted_by_another"),
        CheckConstraint(
            "verified_by_id <> owner_id AND verified_by_id <> implemented_by_id", name="verified_by_another"
        ),
        ForeignKeyConstraint(["org_id", "finding_id"], ["findings.org_id", "findings.id"]),
        ForeignKeyConstraint(["org_id", "owner_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "evidence_id"], ["documents.org_id", "documents.id"]),
        Index("ix_corrective_actions_org_id_finding_id_id", "org_id", "finding_id", "id"),
        Index("ix_corrective_actions_org_id_status_id", "org_id", "status", "id"),
        Index("ix_corrective_actions_org_id_owner_id_id", "org_id", "owner_id", "id"),
        Index("ix_corrective_actions_org_id_evidence_id_id", "org_id", "evidence_id", "id"),
        Index("ix_corrective_actions_org_id_target_on_id", "org_id", "target_on", "id"),
        Index("ix_corrective_actions_org_id_implemented_on_id", "org_id", "implemented_on", "id"),
        Index("ix_corrective_actions_org_id_verified_on_id", "org_id", "verified_on", "id"),
        Index("ix_corrective_actions_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    finding_id: Mapped[UUID]
    root_cause: Mapped[str]
    corrective_action: Mapped[str]
    preventive_action: Mapped[str | None]
    owner_id: Mapped[UUID]
    target_on: Mapped[date]
    status: Mapped[str] = mapped_column(default=ActionStatus.PROPOSED, server_default=ActionStatus.PROPOSED)
    accepted_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    accepted_on: Mapped[date | None]
    review_note: Mapped[str | None]
    implemented_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    implemented_on: Mapped[date | None]
    implementation_note: Mapped[str | None]
    evidence_id: Mapped[UUID | None]
    verified_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    verified_on: Mapped[date | None]
    verification_note: Mapped[str | None]
