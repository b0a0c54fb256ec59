"""How long sessions live and which one gives way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

ACCESS_TOKEN_LIFE = timedelta(minutes=20)
REFRESH_TOKEN_LIFE = timedelta(days=3)
VERIFY_EMAIL_LIFE = timedelta(days=2)
RESET_PASSWORD_LIFE = timedelta(hours=1)
# A person who was added by a colleague may open the mail later than one who just asked for it.
WELCOME_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class LiveSession:
    """What the limit needs to know of a session that has not ended."""

    id: UUID
    last_used_at: datetime


def expired(sessions: Sequence[LiveSession], now: datetime) -> list[UUID]:
    """Sessions whose last refresh token can no longer be used."""
    return [session.id for session in sessions if session.last_used_at + REFRESH_TOKEN_LIFE <= now]


def giving_way(sessions: Sequence[LiveSession], limit: int, now: datetime) -> list[UUID]:
    """The sessions that end so that one more stays within `limit`: the least recently used first."""
    gone = set(expired(sessions, now))
    live = sorted((s for s in sessions if s.id not in gone), key=lambda s: (s.last_used_at, s.id))
    return [session.id for session in live[: max(0, len(live) + 1 - limit)]]
