"""What remains until something is due, which dimension limits it, and when that will be.

`db/maintenance/views.py` says the same in SQL, for whole fleets; a test compares the two.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from db.maintenance.due import DueDimension, DueState
from domain.fleet.rules.hours import as_hours
from domain.maintenance.rules.intervals import Due, Tolerance

FURTHEST = 36_500


@dataclass(frozen=True)
class Rate:
    """What was flown on so many days."""

    days: int
    minutes: int
    cycles: int


@dataclass(frozen=True)
class Assessment:
    """Remaining in each dimension, negative when it is past; None where it does not limit."""

    remaining_minutes: int | None
    remaining_cycles: int | None
    remaining_days: int | None
    forecast_on: date | None
    limiting: DueDimension
    state: DueState


def _used_up(remaining: int | None, flown: int, days: int, today: date) -> date | None:
    """The day on which this is used up at what is flown: the day before it would be exceeded, at most a hundred years
    away. None when nothing is flown, unless it is used up."""
    if remaining is None:
        return None
    if flown == 0:
        return today if remaining <= 0 else None
    return today + timedelta(days=max(-FURTHEST, min(FURTHEST, remaining * days // flown)))


def assess(due: Due, life: tuple[int, int], tolerance: Tolerance, *, today: date, rate: Rate, soon: int) -> Assessment:
    """`life` is the flight time and cycles now; within `soon` days of the forecast it is due soon. A limit is met on
    its last minute, cycle and day, and exceeded after it."""
    minutes = None if due.minutes is None else due.minutes - life[0]
    cycles = None if due.cycles is None else due.cycles - life[1]
    days = None if due.on is None else (due.on - today).days
    forecasts = {
        DueDimension.HOURS: _used_up(minutes, rate.minutes, rate.days, today),
        DueDimension.CYCLES: _used_up(cycles, rate.cycles, rate.days, today),
        DueDimension.CALENDAR: due.on,
    }
    known = {dimension: day for dimension, day in forecasts.items() if day is not None}
    # The first of equals, in the order above.
    limiting = min(known, key=lambda dimension: known[dimension], default=None)
    forecast = known[limiting] if limiting else None
    if limiting is None:
        limiting = DueDimension.CYCLES if minutes is None else DueDimension.HOURS
    left = [value for value in (minutes, cycles, days) if value is not None]
    allowed = [(minutes, tolerance.minutes), (cycles, tolerance.cycles), (days, tolerance.days)]
    if any(value is not None and value + extra < 0 for value, extra in allowed):
        state = DueState.OVERDUE
    elif min(left) < 0:
        state = DueState.IN_TOLERANCE
    elif forecast is not None and forecast <= today + timedelta(days=soon):
        state = DueState.DUE_SOON
    else:
        state = DueState.OK
    return Assessment(minutes, cycles, days, forecast, limiting, state)


def overdue_text(found: Assessment) -> str:
    """How far each exceeded dimension is over, as in "12:30 h and 3 days over"."""
    over = []
    if found.remaining_minutes is not None and found.remaining_minutes < 0:
        over.append(f"{as_hours(-found.remaining_minutes)} h")
    if found.remaining_cycles is not None and found.remaining_cycles < 0:
        over.append(_count(-found.remaining_cycles, "cycle"))
    if found.remaining_days is not None and found.remaining_days < 0:
        over.append(_count(-found.remaining_days, "day"))
    return " and ".join(over) + " over"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
