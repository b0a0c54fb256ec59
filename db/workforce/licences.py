"""Licences that authorities gave to people."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin
from db.search import search_index, searched


class Licence(TenantMixin, TimestampMixin, Base):
    """Authority and number in capital letters, unique together. `expires_on` is the last day; null for never."""

    __tablename__ = "licences"
    __table_args__ = (
        CheckConstraint("length(authority) BETWEEN 1 AND 50 AND authority = upper(authority)", name="authority"),
        CheckConstraint("length(number) BETWEEN 1 AND 50 AND number = upper(number)", name="number"),
        CheckConstraint("length(categories) BETWEEN 1 AND 200", name="categories"),
        CheckConstraint("expires_on > issued_on", name="expires_on"),
        ForeignKeyConstraint(["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"]),
        ForeignKeyConstraint(["org_id", "evidence_id"], ["documents.org_id", "documents.id"]),
        UniqueConstraint("org_id", "authority", "number"),
        UniqueConstraint("org_id", "user_id", "id"),
        Index("ix_licences_org_id_number_id", "org_id", "number", "id"),
        Index("ix_licences_org_id_authority_id", "org_id", "authority", "id"),
        Index("ix_licences_org_id_expires_on_id", "org_id", "expires_on", "id"),
        Index("ix_licences_org_id_evidence_id_id", "org_id", "evidence_id", "id"),
        Index("ix_licences_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("licences"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID]
    authority: Mapped[str]
    number: Mapped[str]
    categories: Mapped[str | None]
    issued_on: Mapped[date | None]
    expires_on: Mapped[date | None]
    evidence_id: Mapped[UUID | None]
    search_text: Mapped[str | None] = searched("authority", "number", "categories")
