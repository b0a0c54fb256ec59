"""Who belongs to which organization, with which roles."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, TimestampMixin, one_of


class MembershipState(StrEnum):
    ACTIVE = "ACTIVE"
    REMOVED = "REMOVED"


class Membership(TenantMixin, TimestampMixin, Base):
    """A removed member's row stays, so that history still resolves the name."""

    __tablename__ = "memberships"
    __table_args__ = (
        one_of("state", MembershipState),
        UniqueConstraint("org_id", "user_id"),
        Index("ix_memberships_user_id", "user_id"),
        Index("ix_memberships_org_id_created_at_id", "org_id", "created_at", "id"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    roles: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(default=MembershipState.ACTIVE, server_default=MembershipState.ACTIVE)
    removed_at: Mapped[datetime | None]
