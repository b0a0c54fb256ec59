"""Who is there: a row for each person whose change is an event, and the signs of life that it follows from."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, TenantMixin, one_of


class PresenceState(StrEnum):
    ACTIVE = "ACTIVE"
    IDLE = "IDLE"
    OFFLINE = "OFFLINE"


class Presence(TenantMixin, Base):
    """A person who has ever reported in the organization."""

    __tablename__ = "presences"
    __table_args__ = (
        one_of("state", PresenceState),
        UniqueConstraint("org_id", "user_id"),
        Index("ix_presences_org_id_state_id", "org_id", "state", "id"),
        Index("ix_presences_org_id_since_id", "org_id", "since", "id"),
        Index("ix_presences_present", "id", postgresql_where=text("state <> 'OFFLINE'")),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True, sort_order=-3)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(default=PresenceState.OFFLINE, server_default=PresenceState.OFFLINE)
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PresenceBeat(Base):
    """The last sign of life of one session. The table is unlogged: a beat costs no write-ahead log, and after a crash
    of PostgreSQL, which empties it, everybody beats again within a timeout."""

    __tablename__ = "presence_beats"
    __table_args__ = (one_of("state", PresenceState), {"prefixes": ["UNLOGGED"]})

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    seen_at: Mapped[datetime]
