"""Tables of the fleet's pure rules."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from db.fleet.aircraft import AircraftStatus
from db.fleet.utilisation import UtilisationKind
from domain.errors import ErrorCode, UserErrors
from domain.fleet.rules import dates, designators, hours, registrations, texts
from domain.fleet.rules import utilisation as rules
from domain.fleet.rules.dates import DateOrder
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.utilisation import Amount


def refused(rule, *arguments, **named) -> tuple[ErrorCode, str]:
    with pytest.raises(UserErrors) as caught:
        rule(*arguments, **named)
    (error,) = caught.value.errors
    return error.code, error.message


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("d-aibc", "D-AIBC"),
        (" N123AB ", "N123AB"),
        ("5y-kzx", "5Y-KZX"),
        ("HB–2345", "HB-2345"),
        ("RA-12345", "RA-12345"),
        ("4X", "4X"),
    ],
)
def test_registration(text: str, mark: str) -> None:
    assert registrations.registration(text) == mark


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.REQUIRED),
        ("D AIBC", ErrorCode.INVALID),
        ("D-AIBÖ", ErrorCode.INVALID),
        ("-AIBC", ErrorCode.INVALID),
        ("D--AIB", ErrorCode.INVALID),
        ("D/AIBC", ErrorCode.INVALID),
        ("X", ErrorCode.OUT_OF_RANGE),
        ("D-ABCDEFGHI", ErrorCode.OUT_OF_RANGE),
        ("D-AIBC\x00", ErrorCode.INVALID),
    ],
)
def test_registration_refused(text: str, code: ErrorCode) -> None:
    assert refused(registrations.registration, text)[0] == code


def test_designators() -> None:
    assert [designators.designator(t) for t in ("a320", "C172", "MI8", " B06")] == ["A320", "C172", "MI8", "B06"]
    for text in ("", "A", "320A", "A3200", "A-20", "Å320"):
        assert refused(designators.designator, text)[0] == ErrorCode.INVALID
    assert all(designators.designator(code) == code for code in designators.KNOWN)
    assert designators.location("eddf") == "EDDF"
    assert "IATA" in refused(designators.location, "FRA")[1]
    assert refused(designators.location, "ED1F")[0] == ErrorCode.INVALID
    assert designators.engine_count(0) == 0
    assert refused(designators.engine_count, -1)[0] == ErrorCode.OUT_OF_RANGE
    assert refused(designators.engine_count, 13)[0] == ErrorCode.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("value", "minutes"),
    [
        ("1234:30", 74070),
        ("1234.5", 74070),
        ("1,234.5", 74070),
        ("1.234,5", 74070),
        ("1234,5", 74070),
        ("1 234:30", 74070),
        ("1\u202f234,5", 74070),
        ("1'234.5", 74070),
        ("12,345:30", 740730),
        ("912,345.5", 54740730),
        ("0:05", 5),
        ("0.1", 6),
        ("0.250", 15),
        ("1234.567", 74074),
        ("1234", 74040),
        ("1234:30:29", 74070),
        ("1234:30:30", 74071),
        (0, 0),
        (1234.5, 74070),
        (time(7, 45), 465),
        (timedelta(days=51, hours=10, minutes=30), 74070),
    ],
)
def test_hours(value, minutes: int) -> None:
    assert hours.minutes(value) == minutes


@pytest.mark.parametrize(
    ("value", "code", "hint"),
    [
        ("12:60", ErrorCode.INVALID, "00 to 59"),
        ("12:5", ErrorCode.INVALID, "1234:30"),
        ("-12:30", ErrorCode.OUT_OF_RANGE, "negative"),
        ("-3", ErrorCode.OUT_OF_RANGE, "negative"),
        (-0.5, ErrorCode.OUT_OF_RANGE, "negative"),
        ("1,234", ErrorCode.INVALID, "1234 hours or 1.234 hours"),
        ("12.345", ErrorCode.INVALID, "12345:00"),
        ("", ErrorCode.INVALID, "1234:30"),
        ("abc", ErrorCode.INVALID, "1234:30"),
        ("1e5", ErrorCode.INVALID, "1234:30"),
        ("1,23,456", ErrorCode.INVALID, "1234:30"),
        (float("nan"), ErrorCode.INVALID, "1234:30"),
        (float("inf"), ErrorCode.INVALID, "1234:30"),
        (datetime(2020, 1, 1, tzinfo=UTC), ErrorCode.INVALID, "1234:30"),
        ("9" * 40, ErrorCode.INVALID, "1234:30"),
        ("12,345,678", ErrorCode.OUT_OF_RANGE, "more than any"),
        ("9" * 12, ErrorCode.OUT_OF_RANGE, "more than any"),
    ],
)
def test_hours_refused(value, code: ErrorCode, hint: str) -> None:
    found, message = refused(hours.minutes, value)
    assert found == code
    assert hint in message


@pytest.mark.parametrize(
    ("value", "count"),
    [("1234", 1234), ("1,234", 1234), ("1.234", 1234), ("1 234", 1234), ("1234.0", 1234), (1234.0, 1234), (0, 0)],
)
def test_cycles(value, count: int) -> None:
    assert hours.cycles(value) == count


@pytest.mark.parametrize("value", ["12.5", 12.5, "-4", -4, "abc", "", float("nan"), float("inf"), time(1), 10**9])
def test_cycles_refused(value) -> None:
    assert refused(hours.cycles, value)[0] in (ErrorCode.INVALID, ErrorCode.OUT_OF_RANGE)


def test_hours_read_back() -> None:
    assert [hours.as_hours(total) for total in (0, 5, 74070, -90)] == ["0:00", "0:05", "1234:30", "-1:30"]
    assert all(hours.minutes(hours.as_hours(total)) == total for total in range(0, 200_000, 7))


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2004-03-12", date(2004, 3, 12)),
        ("2004-03-12T00:00:00", date(2004, 3, 12)),
        ("2004-03-12 00:00:00", date(2004, 3, 12)),
        ("2004/03/12", date(2004, 3, 12)),
        ("12.03.2004", date(2004, 3, 12)),
        ("1.2.2004", date(2004, 2, 1)),
        ("25/12/2004", date(2004, 12, 25)),
        ("12/25/2004", date(2004, 12, 25)),
        ("04/04/2004", date(2004, 4, 4)),
        ("12-MAR-2004", date(2004, 3, 12)),
        ("12 Mar 2004", date(2004, 3, 12)),
        ("12 March 2004", date(2004, 3, 12)),
        ("12MAR2004", date(2004, 3, 12)),
        ("38058", date(2004, 3, 12)),
        (38058, date(2004, 3, 12)),
        (38058.0, date(2004, 3, 12)),
        (3654, date(1910, 1, 1)),
        (date(2004, 3, 12), date(2004, 3, 12)),
        (datetime(2004, 3, 12, 10, tzinfo=UTC), date(2004, 3, 12)),
        ("29.02.2004", date(2004, 2, 29)),
    ],
)
def test_dates(value, day: date) -> None:
    assert dates.parsed(value) == day


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("03/04/2005", "2005-04-03 or 2005-03-04"),
        ("31/02/2005", "no date of the calendar"),
        ("31.02.2005", "no date of the calendar"),
        ("29.02.2005", "no date of the calendar"),
        ("2005-13-01", "no date of the calendar"),
        ("12.03.04", "two digits"),
        ("12-MAR-04", "two digits"),
        ("", "2004-03-12"),
        ("soon", "2004-03-12"),
        ("12 Foo 2004", "2004-03-12"),
        (2004, "2004-03-12"),
        (date(1905, 6, 26), "a year alone"),
        (True, "2004-03-12"),
        (12, "2004-03-12"),
        (99999999, "2004-03-12"),
        ("0004-03-12", "before 1910"),
    ],
)
def test_dates_refused(value, hint: str) -> None:
    assert hint in refused(dates.parsed, value)[1]


def test_dates_in_a_known_order() -> None:
    assert dates.parsed("03/04/2005", DateOrder.DAY_FIRST) == date(2005, 4, 3)
    assert dates.parsed("03/04/2005", DateOrder.MONTH_FIRST) == date(2005, 3, 4)
    assert "day/month/year" in refused(dates.parsed, "12/25/2005", DateOrder.DAY_FIRST)[1]
    assert dates.parsed("12.03.2005", DateOrder.MONTH_FIRST) == date(2005, 3, 12)


def test_texts() -> None:
    assert texts.manufacturer("  De  Havilland\tCanada ") == "De Havilland Canada"
    assert texts.serial_number("msn 12a") == "MSN 12A"
    assert refused(texts.model, " ")[0] == ErrorCode.REQUIRED
    assert refused(texts.serial_number, "9" * 51)[0] == ErrorCode.TOO_LONG
    assert refused(texts.note, "a\x00b")[0] == ErrorCode.INVALID
    assert texts.serial_number("ß12") == "SS12"


@pytest.mark.parametrize(
    ("now", "zone", "day"),
    [
        (datetime(2024, 6, 30, 23, 30, tzinfo=UTC), "UTC", date(2024, 6, 30)),
        (datetime(2024, 6, 30, 23, 30, tzinfo=UTC), "Europe/Berlin", date(2024, 7, 1)),
        (datetime(2024, 6, 30, 11, 59, tzinfo=UTC), "Pacific/Auckland", date(2024, 6, 30)),
        (datetime(2024, 6, 30, 12, 0, tzinfo=UTC), "Pacific/Auckland", date(2024, 7, 1)),
        (datetime(2024, 7, 1, 6, 59, tzinfo=UTC), "America/Los_Angeles", date(2024, 6, 30)),
        # One hour less a day when summer time begins (31 March 2024, 01:00 UTC).
        (datetime(2024, 3, 30, 22, 59, tzinfo=UTC), "Europe/Berlin", date(2024, 3, 30)),
        (datetime(2024, 3, 31, 22, 0, tzinfo=UTC), "Europe/Berlin", date(2024, 4, 1)),
    ],
)
def test_today_is_the_organizations(now: datetime, zone: str, day: date) -> None:
    assert rules.local_date(now, zone) == day


def test_when_an_aircraft_may_have_flown() -> None:
    today, made = date(2024, 5, 6), date(2012, 3, 4)
    assert rules.flown_on(today, today=today, manufactured=made) == today
    assert rules.flown_on(made, today=today, manufactured=made) == made
    assert rules.flown_on(date(1950, 1, 1), today=today, manufactured=None) == date(1950, 1, 1)
    assert "future" in refused(rules.flown_on, date(2024, 5, 7), today=today, manufactured=None)[1]
    assert "manufactured" in refused(rules.flown_on, date(2012, 3, 3), today=today, manufactured=made)[1]
    assert "future" in refused(rules.manufactured_on, date(2024, 5, 7), today)[1]


@pytest.mark.parametrize(
    ("kind", "count", "allowed"),
    [
        (UtilisationKind.FLIGHT, 0, True),
        (UtilisationKind.FLIGHT, 1440, True),
        (UtilisationKind.FLIGHT, 1441, False),
        (UtilisationKind.FLIGHT, -1, False),
        (UtilisationKind.OPENING, 1441, True),
        (UtilisationKind.OPENING, -1, False),
        (UtilisationKind.OPENING, 60_000_001, False),
    ],
)
def test_minutes_of_an_entry(kind: UtilisationKind, count: int, allowed: bool) -> None:
    if allowed:
        assert rules.minutes(count, kind) == count
    else:
        assert refused(rules.minutes, count, kind)[0] == ErrorCode.OUT_OF_RANGE


def test_a_day_has_24_hours() -> None:
    assert rules.day_minutes(date(2024, 5, 6), 1000, 440) == 440
    assert "16:40" in refused(rules.day_minutes, date(2024, 5, 6), 1000, 441)[1]


@pytest.mark.parametrize(
    ("counted", "right", "totals", "difference"),
    [
        (Amount(90, 1), Amount(60, 1), Amount(90, 1), Amount(-30, 0)),
        (Amount(90, 1), Amount(120, 2), Amount(500, 9), Amount(30, 1)),
        (Amount(90, 1), Amount(0, 0), Amount(90, 1), Amount(-90, -1)),
        (Amount(90, 1), Amount(90, 1), Amount(90, 1), ErrorCode.INVALID),
        (Amount(90, 1), Amount(0, 0), Amount(80, 1), ErrorCode.OUT_OF_RANGE),
        (Amount(90, 1), Amount(90, 0), Amount(90, 0), ErrorCode.OUT_OF_RANGE),
    ],
)
def test_corrections(counted: Amount, right: Amount, totals: Amount, difference: Amount | ErrorCode) -> None:
    if isinstance(difference, ErrorCode):
        assert refused(rules.difference, counted, right, totals)[0] == difference
    else:
        assert rules.difference(counted, right, totals) == difference


def test_what_cannot_be_recorded() -> None:
    assert refused(rules.correctable, UtilisationKind.CORRECTION)[0] == ErrorCode.NOT_ALLOWED
    assert refused(rules.may_fly, AircraftStatus.RETIRED)[0] == ErrorCode.NOT_ALLOWED
    assert refused(rules.not_empty, Amount(0, 0))[0] == ErrorCode.REQUIRED
    assert refused(rules.cycles, -1)[0] == ErrorCode.OUT_OF_RANGE
    for status in (AircraftStatus.ACTIVE, AircraftStatus.MAINTENANCE, AircraftStatus.STORED):
        rules.may_fly(status)


def test_refusals_are_collected_with_their_paths() -> None:
    refusals = Refusals()
    assert refusals.take(registrations.registration, "d-aibc", "registration") == "D-AIBC"
    assert refusals.take(registrations.registration, "?", "registration") is None
    assert refusals.optional(designators.location, "  ", "baseAirport") is None
    assert refusals.optional(designators.location, "FRA", "baseAirport") is None
    with pytest.raises(UserErrors) as caught:
        refusals.finish()
    assert [error.path for error in caught.value.errors] == [("input", "registration"), ("input", "baseAirport")]
