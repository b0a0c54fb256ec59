"""When things are due, as tables; the numbers are those of the regulations named beside them."""

from datetime import date

import pytest

from db.maintenance.directives import DirectiveDecision, DirectiveStatus
from db.maintenance.due import DueDimension, DueState
from db.maintenance.programme import Rebasing
from domain.fleet.rules.refusals import Refusals
from domain.maintenance.rules import directives, limits
from domain.maintenance.rules.due import Rate, assess, overdue_text
from domain.maintenance.rules.intervals import (
    Due,
    Limits,
    Reading,
    Tolerance,
    add_months,
    calendar_due,
    first_step,
    next_due,
    rebased,
)

HOUR = 60


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        # 14 CFR 91.411 and 91.413: 24 calendar months.
        ("2024-05-17", 24, "2026-05-17"),
        # 14 CFR 91.207(d), 91.409(a): 12 calendar months, over a leap day and from one.
        ("2023-03-01", 12, "2024-03-01"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        # Months that are too short.
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2100-01-31", 1, "2100-02-28"),  # no leap year
        ("2024-08-31", 6, "2025-02-28"),
        ("2024-03-31", 1, "2024-04-30"),
        ("2024-11-30", 3, "2025-02-28"),
        ("2024-12-31", 1, "2025-01-31"),
        ("2024-12-31", 12, "2025-12-31"),
    ],
)
def test_calendar_months(day: str, months: int, expected: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Limits(days=30), "2024-03-01"),  # over a leap day
        (Limits(months=1), "2024-02-29"),
        (Limits(days=30, months=1), "2024-02-29"),
        (Limits(days=28, months=1), "2024-02-28"),
        (Limits(minutes=60), None),
    ],
)
def test_of_days_and_months_the_sooner_holds(step: Limits, expected: str | None) -> None:
    assert calendar_due(date(2024, 1, 31), step) == (date.fromisoformat(expected) if expected else None)


def test_a_threshold_holds_alone_until_the_first_time() -> None:
    """As the columns of a maintenance planning document: threshold 36 months, then every 1,000 hours or 12 months."""
    interval, threshold = Limits(minutes=1000 * HOUR, months=12), Limits(months=36)
    new = Reading(0, 0, date(2020, 2, 29))
    assert next_due(new, first_step(threshold, interval)) == Due(None, None, date(2023, 2, 28))
    assert next_due(new, first_step(Limits(), interval)) == Due(60_000, None, date(2021, 2, 28))
    done = Reading(1_500 * HOUR, 900, date(2023, 2, 1))
    assert next_due(done, interval) == Due(2_500 * HOUR, None, date(2024, 2, 1))


DONE, KEPT = Rebasing.FROM_ACCOMPLISHMENT, Rebasing.FROM_DUE_WHEN_IN_WINDOW


@pytest.mark.parametrize(
    ("policy", "done_at", "basis"),
    [
        # 14 CFR 91.409(b): 100 hours, exceeded by not more than 10; the excess counts in the next 100 hours.
        (KEPT, 108, 100),
        (KEPT, 110, 100),
        (KEPT, 111, 111),
        (KEPT, 100, 100),
        (KEPT, 90, 100),  # early, inside the window
        (KEPT, 89, 89),
        (DONE, 108, 108),
        (DONE, 90, 90),
    ],
)
def test_what_the_next_interval_counts_from(policy: Rebasing, done_at: int, basis: int) -> None:
    due = Due(minutes=100 * HOUR, on=date(2024, 6, 30))
    done = Reading(done_at * HOUR, 77, date(2024, 7, 4))
    found = rebased(policy, done, due, Tolerance(minutes=10 * HOUR, days=3))
    assert found.minutes == basis * HOUR
    assert (found.cycles, found.on) == (77, date(2024, 7, 4))  # not limited; outside of its window


def test_tolerances_do_not_add_up() -> None:
    """Done at the end of every window, the tenth inspection is due at 1,000 hours, not at 1,090."""
    basis, tolerance = Reading(0, 0, date(2020, 1, 1)), Tolerance(minutes=10 * HOUR)
    for number in range(1, 11):
        due = next_due(basis, Limits(minutes=100 * HOUR))
        assert due.minutes == number * 100 * HOUR
        basis = rebased(KEPT, Reading(due.minutes + 10 * HOUR, 0, basis.on), due, tolerance)


TODAY = date(2024, 2, 29)
STEADY = Rate(days=90, minutes=90 * 3 * HOUR, cycles=180)  # 3 hours and 2 cycles a day
GROUNDED = Rate(days=90, minutes=0, cycles=0)
HOURS, CYCLES, CALENDAR = DueDimension
OK, DUE_SOON, IN_TOLERANCE, OVERDUE = DueState


@pytest.mark.parametrize(
    ("due", "rate", "forecast", "limiting", "state"),
    [
        (Due(minutes=1_300 * HOUR), STEADY, "2024-06-08", HOURS, OK),  # 300 hours are 100 days
        (Due(minutes=1_010 * HOUR), STEADY, "2024-03-03", HOURS, DUE_SOON),  # 3.3 days
        (Due(minutes=1_000 * HOUR), STEADY, "2024-02-29", HOURS, DUE_SOON),  # its last minute is legal
        (Due(minutes=1_000 * HOUR - 1), STEADY, "2024-02-28", HOURS, IN_TOLERANCE),
        (Due(minutes=990 * HOUR), STEADY, "2024-02-25", HOURS, IN_TOLERANCE),
        (Due(minutes=990 * HOUR - 1), STEADY, "2024-02-25", HOURS, OVERDUE),
        (Due(minutes=990 * HOUR - 1), GROUNDED, "2024-02-29", HOURS, OVERDUE),
        (Due(minutes=1_300 * HOUR), GROUNDED, None, HOURS, OK),
        (Due(cycles=999), GROUNDED, None, CYCLES, OK),
        (Due(minutes=1_300 * HOUR, on=date(2024, 5, 1)), STEADY, "2024-05-01", CALENDAR, OK),
        (Due(minutes=1_300 * HOUR, on=date(2024, 5, 1)), GROUNDED, "2024-05-01", CALENDAR, OK),
        (Due(minutes=1_300 * HOUR, cycles=502), STEADY, "2024-03-01", CYCLES, DUE_SOON),
        (Due(minutes=1_003 * HOUR, cycles=502), STEADY, "2024-03-01", HOURS, DUE_SOON),  # equal: the first
        (Due(on=date(2024, 3, 30)), GROUNDED, "2024-03-30", CALENDAR, DUE_SOON),
        (Due(on=date(2024, 3, 31)), GROUNDED, "2024-03-31", CALENDAR, OK),
        (Due(on=TODAY), GROUNDED, "2024-02-29", CALENDAR, DUE_SOON),
        (Due(on=date(2024, 2, 24)), GROUNDED, "2024-02-24", CALENDAR, IN_TOLERANCE),
        (Due(on=date(2024, 2, 23)), GROUNDED, "2024-02-23", CALENDAR, OVERDUE),
        (Due(minutes=60_000_000), Rate(90, 1, 0), "2124-02-05", HOURS, OK),  # a hundred years is for ever
    ],
)
def test_remaining_and_forecast(
    due: Due, rate: Rate, forecast: str | None, limiting: DueDimension, state: DueState
) -> None:
    tolerance = Tolerance(minutes=10 * HOUR, days=5)
    found = assess(due, (1_000 * HOUR, 500), tolerance, today=TODAY, rate=rate, soon=30)
    expected = date.fromisoformat(forecast) if forecast else None
    assert (found.forecast_on, found.limiting, found.state) == (expected, limiting, state)


def test_how_far_over() -> None:
    due, none = Due(999 * HOUR, 499, date(2024, 2, 27)), Tolerance()
    found = assess(due, (1_000 * HOUR + 30, 500), none, today=TODAY, rate=STEADY, soon=30)
    assert overdue_text(found) == "1:30 h and 1 cycle and 2 days over"


@pytest.mark.parametrize(
    ("serial_number", "first", "last", "applies"),
    [
        ("0099", "0001", "0100", True),
        ("99", "1", "100", True),  # not by their characters
        ("100", "1", "99", False),
        ("1000", None, "999", False),
        ("1000", "1000", None, True),
        ("A7", "A1", "A9", True),
        ("12345", None, None, True),
    ],
)
def test_ranges_of_serial_numbers(serial_number: str, first: str | None, last: str | None, applies: bool) -> None:
    assert directives.in_range(serial_number, first, last) is applies


@pytest.mark.parametrize(
    ("applies", "superseded", "decision", "expected"),
    [
        (True, False, None, "OPEN"),
        (True, False, "COMPLIED", "COMPLIED"),
        (True, False, "NOT_APPLICABLE", "NOT_APPLICABLE"),
        (True, True, "COMPLIED", "SUPERSEDED"),
        (False, True, "COMPLIED", "NOT_APPLICABLE"),
        (False, False, None, "NOT_APPLICABLE"),
    ],
)
def test_status_of_a_directive(applies: bool, superseded: bool, decision: str | None, expected: str) -> None:
    made = DirectiveDecision(decision) if decision else None
    assert directives.status(applies=applies, superseded=superseded, decision=made) is DirectiveStatus(expected)


def test_a_directive_is_due_by_the_later_of_its_limits() -> None:
    """ "Before 20,000 cycles since new, or within 500 cycles after the effective date, whichever occurs later; and
    within 12 months"."""
    threshold, within = Limits(cycles=20_000), Limits(cycles=500, months=12)
    effective = date(2024, 2, 29)
    young, old = Reading(0, 12_000, effective), Reading(0, 25_000, effective)
    assert directives.first_due(threshold, within, young) == Due(None, 20_000, date(2025, 2, 28))
    assert directives.first_due(threshold, within, old) == Due(None, 25_500, date(2025, 2, 28))
    again = Limits(cycles=3_000)
    assert directives.due_again(old, again, terminating=False) == Due(None, 28_000, None)
    assert directives.due_again(old, again, terminating=True) == Due()


@pytest.mark.parametrize(
    ("values", "limitation", "refused"),
    [
        ({"interval_minutes": 6000, "tolerance_minutes": 600}, False, []),
        ({"interval_months": 12, "tolerance_days": 30}, False, []),
        ({"threshold_cycles": 1}, True, []),
        ({}, False, ["intervalMinutes"]),
        ({"interval_minutes": 0}, False, ["intervalMinutes"]),
        ({"interval_months": 1_201}, False, ["intervalMonths"]),
        ({"interval_minutes": 600, "tolerance_minutes": 600}, False, ["toleranceMinutes"]),
        ({"interval_months": 1, "tolerance_days": 28}, False, ["toleranceDays"]),
        ({"interval_months": 1, "tolerance_minutes": 5}, False, ["toleranceMinutes"]),
        ({"interval_minutes": 600, "tolerance_minutes": 1}, True, ["toleranceMinutes"]),
        (
            {"interval_days": 9, "tolerance_days": -1, "tolerance_cycles": 1},
            False,
            ["toleranceCycles", "toleranceDays"],
        ),
    ],
)
def test_limits_of_tasks(values: dict[str, int], limitation: bool, refused: list[str]) -> None:
    found = Refusals()
    limits.check_task(found, values, airworthiness_limitation=limitation)
    assert sorted(error.path[-1] for error in found.errors) == refused
