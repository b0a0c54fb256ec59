"""Components: what they are called, and the readings that carry their life along.

Life-limited parts keep their time and cycles since new wherever they are (14 CFR 43.10; M.A.305(e)); since overhaul,
they are what was added since then.
"""

from dataclasses import dataclass
from datetime import date

from db.fleet.aircraft import AircraftStatus
from domain.errors import ErrorCode, refuse
from domain.fleet.rules import texts
from domain.fleet.rules.hours import MOST_CYCLES, MOST_MINUTES, as_hours
from domain.fleet.rules.utilisation import Amount

_part_number = texts.named("The part number", 50)
_position = texts.named("The position", 50)
description = texts.named("The description", 200)
removal_reason = texts.named("The reason", 1000)
MOST_MONTHS = 1_200


def part_number(text: str) -> str:
    """In upper case, so that `nas 1149` and `NAS 1149` are one."""
    return _part_number(_part_number(text).upper())


def position(text: str) -> str:
    """A place on the aircraft, as in `ENGINE 1`, in upper case."""
    return _position(_position(text).upper())


def life_minutes(count: int) -> int:
    if not 0 <= count <= MOST_MINUTES:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"Flight time is 0 to {as_hours(MOST_MINUTES)} hours, in minutes.")
    return count


def life_cycles(count: int) -> int:
    if not 0 <= count <= MOST_CYCLES:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"Cycles are 0 to {MOST_CYCLES}.")
    return count


def limit_minutes(count: int) -> int:
    if count < 1:
        raise refuse(ErrorCode.OUT_OF_RANGE, "A life limit is at least 1; leave it out when there is none.")
    return life_minutes(count)


def limit_cycles(count: int) -> int:
    if count < 1:
        raise refuse(ErrorCode.OUT_OF_RANGE, "A life limit is at least 1; leave it out when there is none.")
    return life_cycles(count)


def limit_months(count: int) -> int:
    if not 1 <= count <= MOST_MONTHS:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"A life limit is 1 to {MOST_MONTHS} months.")
    return count


@dataclass(frozen=True)
class DayTotals:
    """An aircraft's totals before the first flight of a day, and after its last."""

    before: Amount
    after: Amount


def reading(minutes: int | None, cycles: int | None, day: date, totals: DayTotals) -> Amount:
    """The aircraft's reading at which something was done on a day; at its end unless stated."""
    found = Amount(
        totals.after.minutes if minutes is None else minutes, totals.after.cycles if cycles is None else cycles
    )
    fits = (
        totals.before.minutes <= found.minutes <= totals.after.minutes
        and totals.before.cycles <= found.cycles <= totals.after.cycles
    )
    if not fits:
        raise refuse(
            ErrorCode.OUT_OF_RANGE,
            f"On {day} the aircraft went from {totals.before} to {totals.after}, by its utilisation log; {found} is not"
            " in between. Record what it flew first, or give the reading of that day.",
        )
    return found


def may_carry(status: str) -> None:
    if status == AircraftStatus.RETIRED:
        raise refuse(ErrorCode.NOT_ALLOWED, "A retired aircraft takes no components; change its status first.")


def done_on(day: date, *, today: date, not_before: date | None, why: str) -> date:
    """A day in the past or today, and not before another; `why` says what that one is."""
    if day > today:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is in the future; the organization's today is {today}.")
    if not_before is not None and day < not_before:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is before {not_before}, {why}.")
    return day
