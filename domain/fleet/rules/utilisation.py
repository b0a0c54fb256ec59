"""What may be written into the utilisation log, and what a correction counts for."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from db.fleet.aircraft import AircraftStatus
from db.fleet.utilisation import UtilisationKind
from domain.errors import ErrorCode, refuse
from domain.fleet.rules.hours import MOST_CYCLES, MOST_MINUTES, as_hours

DAY = 24 * 60


@dataclass(frozen=True)
class Amount:
    """Flight time and cycles; a correction's difference may be negative."""

    minutes: int
    cycles: int

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.minutes + other.minutes, self.cycles + other.cycles)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.minutes - other.minutes, self.cycles - other.cycles)

    def __str__(self) -> str:
        return f"{as_hours(self.minutes)} h and {self.cycles} cycles"


NOTHING = Amount(0, 0)


def local_date(now: datetime, time_zone: str) -> date:
    """The organization's day at `now`: an aircraft in Auckland flies tomorrow while London says today."""
    return now.astimezone(ZoneInfo(time_zone)).date()


def manufactured_on(day: date, today: date) -> date:
    if day > today:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is in the future; the organization's today is {today}.")
    return day


def flown_on(day: date, *, today: date, manufactured: date | None) -> date:
    if day > today:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is in the future; the organization's today is {today}.")
    if manufactured is not None and day < manufactured:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is before the aircraft was manufactured ({manufactured}).")
    return day


def minutes(count: int, kind: UtilisationKind) -> int:
    """Flight time of one entry: never negative, and a day has 24 hours unless the entry opens the log."""
    if count < 0:
        raise refuse(ErrorCode.OUT_OF_RANGE, "Flight time is not negative; correct the wrong entry to its right value.")
    most = MOST_MINUTES if kind is UtilisationKind.OPENING else DAY
    if count > most:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{as_hours(count)} is more than the {as_hours(most)} possible.")
    return count


def cycles(count: int) -> int:
    if count < 0:
        raise refuse(ErrorCode.OUT_OF_RANGE, "Cycles are not negative; correct the wrong entry to its right value.")
    if count > MOST_CYCLES:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{count} cycles are more than any aircraft has.")
    return count


def not_empty(amount: Amount) -> Amount:
    if amount == NOTHING:
        raise refuse(ErrorCode.REQUIRED, "Neither time nor cycles: there is nothing to record.")
    return amount


def day_minutes(day: date, flown: int, added: int) -> int:
    """All flights of one aircraft on one day fit into 24 hours; `flown` is what the log has already."""
    if flown + added > DAY:
        raise refuse(
            ErrorCode.OUT_OF_RANGE,
            f"The aircraft has {as_hours(flown)} on {day} already; with {as_hours(added)} more the day would have"
            " over 24 hours.",
        )
    return added


def may_fly(status: str) -> None:
    if status == AircraftStatus.RETIRED:
        raise refuse(ErrorCode.NOT_ALLOWED, "The aircraft is retired; set another status before it flies.")


def correctable(kind: str) -> None:
    if kind == UtilisationKind.CORRECTION:
        raise refuse(ErrorCode.NOT_ALLOWED, "This entry is itself a correction; correct the entry that it names again.")


def difference(counted: Amount, right: Amount, totals: Amount) -> Amount:
    """What a correction adds so that an entry which counted for `counted` counts for `right`.

    `counted` is the entry with all its earlier corrections. The totals may fall, but not below zero.
    """
    found = right - counted
    if found == NOTHING:
        raise refuse(ErrorCode.INVALID, f"The entry already counts for {right}: there is nothing to correct.")
    after = totals + found
    if after.minutes < 0 or after.cycles < 0:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"The aircraft's totals would fall below zero, to {after}.")
    return found
