"""When a task is due next.

Intervals are in flight time, flight cycles and calendar time, any of them, whichever comes first (ATA MSG-3, 14 CFR
91.409(f) and AMC M.A.302). A task that repeats counts from what was done, or keeps the point at which it was due when
it was done inside the window of its tolerance, so that tolerances never add up.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from db.maintenance.programme import Rebasing


@dataclass(frozen=True)
class Limits:
    """Distances in each dimension; None does not limit. Of days and months the sooner holds."""

    minutes: int | None = None
    cycles: int | None = None
    days: int | None = None
    months: int | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.minutes, self.cycles, self.days, self.months))


@dataclass(frozen=True)
class Tolerance:
    """How far a due point may be missed, and on either side of it the window that keeps it."""

    minutes: int = 0
    cycles: int = 0
    days: int = 0


@dataclass(frozen=True)
class Reading:
    """A day, and the flight time and cycles on it."""

    minutes: int
    cycles: int
    on: date


@dataclass(frozen=True)
class Due:
    """A point at which something is due, whichever dimension comes first."""

    minutes: int | None = None
    cycles: int | None = None
    on: date | None = None


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a month that is too short for it: 31 January and one month
    is 28 or 29 February."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def next_due(basis: Reading, step: Limits) -> Due:
    return Due(
        None if step.minutes is None else basis.minutes + step.minutes,
        None if step.cycles is None else basis.cycles + step.cycles,
        calendar_due(basis.on, step),
    )


def calendar_due(basis: date, step: Limits) -> date | None:
    days = [] if step.days is None else [basis + timedelta(days=step.days)]
    months = [] if step.months is None else [add_months(basis, step.months)]
    return min([*days, *months], default=None)


def first_step(threshold: Limits, interval: Limits) -> Limits:
    """What counts before the first time: the threshold alone where there is one, the interval else."""
    return threshold or interval


def rebased(policy: Rebasing, done: Reading, due: Due, tolerance: Tolerance) -> Reading:
    """What the next interval counts from, each dimension for itself."""
    if policy is Rebasing.FROM_ACCOMPLISHMENT:
        return done
    return Reading(
        _kept(done.minutes, due.minutes, tolerance.minutes),
        _kept(done.cycles, due.cycles, tolerance.cycles),
        due.on if due.on is not None and abs((done.on - due.on).days) <= tolerance.days else done.on,
    )


def _kept(done: int, due: int | None, tolerance: int) -> int:
    return due if due is not None and abs(done - due) <= tolerance else done
