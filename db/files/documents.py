"""Documents: what is known of a file; its content is in the store, under a key that nobody can guess."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, one_of
from db.search import search_index, searched


class DocumentPurpose(StrEnum):
    EVIDENCE = "EVIDENCE"
    ASSET = "ASSET"
    TEMPLATE = "TEMPLATE"
    CERTIFICATE = "CERTIFICATE"


class Document(TenantMixin, Base):
    """Never changed: a new content is a new document. `uploader_id` is null for what a job made."""

    __tablename__ = "documents"
    __table_args__ = (
        one_of("purpose", DocumentPurpose),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("length(content_type) BETWEEN 3 AND 100", name="content_type"),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        UniqueConstraint("key"),
        Index("ix_documents_org_id_name_id", "org_id", "name", "id"),
        Index("ix_documents_org_id_content_type_id", "org_id", "content_type", "id"),
        Index("ix_documents_org_id_size_id", "org_id", "size", "id"),
        Index("ix_documents_org_id_sha256_id", "org_id", "sha256", "id"),
        Index("ix_documents_org_id_purpose_id", "org_id", "purpose", "id"),
        Index("ix_documents_org_id_uploader_id_id", "org_id", "uploader_id", "id"),
        Index("ix_documents_org_id_created_at_id", "org_id", "created_at", "id"),
        search_index("documents"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    name: Mapped[str]
    content_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    purpose: Mapped[str]
    key: Mapped[str]
    uploader_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    search_text: Mapped[str | None] = searched("name")
