"""Sign-ins and their refresh tokens. The session row alone says which organization its tokens work in."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from db.base import Base


class EndReason(StrEnum):
    SIGNED_OUT = "SIGNED_OUT"
    SIGNED_OUT_EVERYWHERE = "SIGNED_OUT_EVERYWHERE"
    SESSION_LIMIT = "SESSION_LIMIT"
    TOKEN_REUSED = "TOKEN_REUSED"  # noqa: S105 - a reason, not a password
    EXPIRED = "EXPIRED"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - a reason, not a password
    ACCESS_LOST = "ACCESS_LOST"


_REASONS = ", ".join(f"'{reason}'" for reason in EndReason)


class Session(Base):
    """One device of one person. `impersonating`: a superuser in an organization they are no member of."""

    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint(f"end_reason IN ({_REASONS})", name="end_reason"),
        CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended"),
        Index("ix_sessions_user_id_live", "user_id", "last_used_at", postgresql_where=text("ended_at IS NULL")),
        Index("ix_sessions_user_id", "user_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    current_org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    device_id: Mapped[str] = mapped_column(default="", server_default="")
    user_agent: Mapped[str] = mapped_column(default="", server_default="")
    address: Mapped[str] = mapped_column(default="", server_default="")
    impersonating: Mapped[bool] = mapped_column(default=False, server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]


class RefreshToken(Base):
    """One rung of a session's rotation, kept as its SHA-256. A spent one that comes back was stolen."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_refresh_tokens_session_id", "session_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    spent_at: Mapped[datetime | None]
