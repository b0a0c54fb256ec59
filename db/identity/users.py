"""People. One person has one user, whatever the number of organizations; the password lies apart."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from db.base import Base, TimestampMixin, one_of
from db.search import search_index, searched


class UserState(StrEnum):
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class User(TimestampMixin, Base):
    """Visible to requests of the organizations the person is or was a member of, and to the person."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("state", UserState),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("length(email) BETWEEN 3 AND 254", name="email"),
        Index("uq_users_email", text("lower(email)"), unique=True),
        search_index("users", tenant=False),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str]
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    state: Mapped[str] = mapped_column(default=UserState.ACTIVE, server_default=UserState.ACTIVE)
    is_superuser: Mapped[bool] = mapped_column(default=False, server_default="false")
    email_verified_at: Mapped[datetime | None]
    search_text: Mapped[str | None] = searched("name", "email")


class UserCredential(Base):
    """A password hash, argon2id or an imported bcrypt. Only the system role may read it."""

    __tablename__ = "user_credentials"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    password_hash: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class TokenPurpose(StrEnum):
    VERIFY_EMAIL = "VERIFY_EMAIL"
    RESET_PASSWORD = "RESET_PASSWORD"  # noqa: S105 - a purpose, not a password


class OneTimeToken(Base):
    """A secret that went out by e-mail, kept as its SHA-256. Only the system role may read it."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        one_of("purpose", TokenPurpose),
        UniqueConstraint("token_hash"),
        Index("ix_one_time_tokens_user_id", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
