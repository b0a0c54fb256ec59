"""How long a defect may be deferred.

FAA MMEL policy letter PL-25 (MMEL and MEL definitions); CS-MMEL.

- A: within the time interval stated in the item. Calendar days exclude the day of discovery; flight time and cycles
  begin with the next flight.
- B: within 3 consecutive calendar days, C: 10, D: 120, excluding the day the malfunction was recorded. PL-25's example:
  recorded at 10 a.m. on January 26th, the three days begin at midnight the 26th and end at midnight the 29th.
- One extension of B, C and D, at most of the same duration as the interval, never of A (ORO.MLR.105(f)(2); PL-25 knows
  it for B and C).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from db.maintenance.defects import MelCategory
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.texts import named
from domain.fleet.rules.utilisation import Amount
from domain.maintenance.rules.wording import paragraphs

DAYS: Mapping[MelCategory, int] = {MelCategory.B: 3, MelCategory.C: 10, MelCategory.D: 120}
MOST_DAYS, MOST_MINUTES, MOST_CYCLES = 3_650, 1_000_000, 100_000

mel_item = named("The MEL item", 50)
limitations = paragraphs("The limitations", 4_000)
reason = named("The reason", 1_000)


@dataclass(frozen=True)
class Stated:
    """The limit that an item of category A states, after the discovery; None where it states none."""

    days: int | None = None
    minutes: int | None = None
    cycles: int | None = None


@dataclass(frozen=True)
class Limit:
    """Until when it may fly: the last day, and totals of the aircraft."""

    days: int | None
    due_on: date | None
    due_minutes: int | None
    due_cycles: int | None


def limit(category: MelCategory, found_on: date, totals: Amount, stated: Stated) -> Limit:
    """The limit of a deferral; `totals` are the aircraft's at the deferral."""
    if category is not MelCategory.A:
        if stated != Stated():
            raise refuse(
                ErrorCode.NOT_ALLOWED,
                f"The limit of category {category.value} is {DAYS[category]} days; only an item of category A states"
                " its own.",
                "stated",
            )
        stated = Stated(days=DAYS[category])
    elif stated == Stated():
        raise refuse(ErrorCode.REQUIRED, "An item of category A states its limit: give days, time or cycles.", "stated")
    _check(stated)
    return Limit(
        days=stated.days,
        due_on=None if stated.days is None else found_on + timedelta(days=stated.days),
        due_minutes=None if stated.minutes is None else totals.minutes + stated.minutes,
        due_cycles=None if stated.cycles is None else totals.cycles + stated.cycles,
    )


def _check(stated: Stated) -> None:
    refusals = Refusals("stated")
    for name, value, most in (
        ("days", stated.days, MOST_DAYS),
        ("minutes", stated.minutes, MOST_MINUTES),
        ("cycles", stated.cycles, MOST_CYCLES),
    ):
        if value is not None and not 1 <= value <= most:
            refusals.add(ErrorCode.OUT_OF_RANGE, f"The limit in {name} is {value}; it can be 1 to {most}.", name)
    refusals.finish()


def in_time(due_on: date | None, today: date) -> None:
    """The interval counts from the discovery, however late the defect is deferred."""
    if due_on is not None and today > due_on:
        raise refuse(
            ErrorCode.EXPIRED,
            f"Its interval, which counts from the discovery, ended on {due_on}: the defect must be rectified.",
        )


def extended(
    category: MelCategory, interval: int | None, due_on: date | None, before: int | None, days: int, today: date
) -> date:
    """The last day after an extension by `days`; `before` is an extension that it has had already."""
    found: list[UserErrors] = []
    if category is MelCategory.A or interval is None or due_on is None:
        raise refuse(ErrorCode.NOT_ALLOWED, "A deferral of category A is never extended.", "id")
    if before is not None:
        found.append(refuse(ErrorCode.NOT_ALLOWED, "The deferral has been extended; that can be done once.", "id"))
    if today > due_on:
        message = f"The deferral ended on {due_on}: it cannot be extended any more; the defect must be rectified."
        found.append(refuse(ErrorCode.EXPIRED, message, "id"))
    if not 1 <= days <= interval:
        message = f"The extension is {days} days; it can be 1 to {interval}, no longer than the first interval."
        found.append(refuse(ErrorCode.OUT_OF_RANGE, message, "days"))
    if found:
        raise UserErrors(*(error for refused in found for error in refused.errors))
    return due_on + timedelta(days=days)
