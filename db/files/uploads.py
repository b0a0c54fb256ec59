"""Uploads: what somebody has leave to put into the store until `expires_at`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, one_of
from db.files.documents import DocumentPurpose


class Upload(TenantMixin, Base):
    """The document that it becomes has its id, so that completing it again finds the same. Both the row and what was
    put under `key` are swept away once it has expired."""

    __tablename__ = "uploads"
    __table_args__ = (
        one_of("purpose", DocumentPurpose),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("length(content_type) BETWEEN 3 AND 100", name="content_type"),
        CheckConstraint("size > 0", name="size"),
        UniqueConstraint("key"),
        Index("ix_uploads_expires_at", "expires_at"),
        Index("ix_uploads_org_id_uploader_id_id", "org_id", "uploader_id", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int]
    purpose: Mapped[str]
    key: Mapped[str]
    uploader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
