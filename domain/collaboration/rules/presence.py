"""Who counts as present: what each of a person's sessions last said, and how long ago."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.collaboration.presence import PresenceState


@dataclass(frozen=True)
class Timeouts:
    """How long a sign of life counts. `idle` is at most `offline`."""

    idle: timedelta
    offline: timedelta

    @property
    def renewal(self) -> timedelta:
        """A sign of life that is younger needs no renewal."""
        return self.idle / 3


@dataclass(frozen=True)
class Beat:
    """The last sign of life of one session."""

    state: PresenceState
    seen_at: datetime


def of_session(beat: Beat, now: datetime, timeouts: Timeouts) -> PresenceState:
    """Silence makes an active session idle, and more of it makes any session offline."""
    age = now - beat.seen_at
    if beat.state is PresenceState.OFFLINE or age >= timeouts.offline:
        return PresenceState.OFFLINE
    if beat.state is PresenceState.IDLE or age >= timeouts.idle:
        return PresenceState.IDLE
    return PresenceState.ACTIVE


def of_person(beats: Iterable[Beat], now: datetime, timeouts: Timeouts) -> PresenceState:
    """A person is what the liveliest of their sessions is; without any, offline."""
    found = {of_session(beat, now, timeouts) for beat in beats}
    return next(
        (state for state in (PresenceState.ACTIVE, PresenceState.IDLE) if state in found), PresenceState.OFFLINE
    )
