"""An organization's own roles; the built-in ones are code (`domain.identity.rules.roles`)."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin


class Role(TenantMixin, TimestampMixin, Base):
    """`permissions` has no CHECK: a permission that a later release drops must not block its migration."""

    __tablename__ = "roles"
    __table_args__ = (
        CheckConstraint("key ~ '^[A-Z][A-Z0-9_]{1,49}$'", name="key"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        Index("uq_roles_org_id_key", "org_id", "key", unique=True),
        Index("uq_roles_org_id_name", "org_id", text("lower(name)"), unique=True),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    key: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    permissions: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
