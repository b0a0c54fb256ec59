"""Who is reminded of what and when, as tables."""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

import pytest

from db.quality.reminders import ReminderRule
from domain.permissions import Permission
from domain.reminders.rules import RULES, Level, Reminder, Staff, horizon, is_escalation, people, sentence, step

DUE = date(2024, 3, 1)  # the day after a leap day
OWNER, LEAD, HEAD, BOSS, GONE = (UUID(int=n) for n in range(1, 6))
SHOP, STORES = UUID(int=11), UUID(int=12)
STAFF = Staff(
    members=frozenset({OWNER, LEAD, HEAD, BOSS}),
    leads={SHOP: frozenset({LEAD}), STORES: frozenset({OWNER})},
    departments={OWNER: frozenset({SHOP})},
    managers=frozenset({HEAD}),
    holders={Permission.QUALITY_MANAGE: frozenset({BOSS})},
)


def thing(rule: ReminderRule, **values) -> Reminder:
    given = {"owner_id": OWNER} | values
    return Reminder(rule, "fnd", UUID(int=99), DUE, "Finding 3 “Gauge”", **given)


def walked(rule: ReminderRule, days: Iterable[int]) -> dict[int, int]:
    """On which days something goes out when the runner runs on these, and which step."""
    sent, found = None, {}
    for day in days:
        if (now := step(thing(rule), DUE + timedelta(days=day), sent)) is not None:
            sent = found[day] = now
    return found


EVERY = range(-100, 100)


@pytest.mark.parametrize(
    ("rule", "days", "found"),
    [
        # RULES, workforce: 60, 30 and 7 days before expiry, once each.
        ("AUTHORISATION", EVERY, [-60, -30, -7]),
        ("LICENCE", EVERY, [-60, -30, -7]),
        ("TRAINING", EVERY, [-60, -30, -7]),
        ("DIRECTIVE", EVERY, [-60, -30, -7, 1, 3]),
        ("DEFERRAL", EVERY, [-30, -7, -1, 1]),
        ("AUDIT", EVERY, [-14, -1, 7, 30]),
        ("IMMEDIATE_ACTION", EVERY, [0, 1, 2]),
        ("FINDING", EVERY, [-30, -7, -1, 1, 7, 14]),
        ("CORRECTIVE_ACTION", EVERY, [-30, -7, -1, 1, 7, 14]),
    ],
)
def test_each_step_goes_out_once_on_its_day(rule: str, days: range, found: list[int]) -> None:
    assert walked(ReminderRule(rule), days) == {day: day for day in found}


@pytest.mark.parametrize(
    ("rule", "days", "found"),
    [
        # Who looks late hears of the latest step only, and no earlier one comes after it.
        ("FINDING", [-20, -19, -6, 9, 10, 8, 14], {-20: -30, -6: -7, 9: 7, 14: 14}),
        ("FINDING", [40, 41], {40: 14}),
        ("LICENCE", [-45, -29, -2, 0, 1], {-45: -60, -29: -30, -2: -7}),
        # What only reminds is of no use afterwards; on the last day it is.
        ("LICENCE", [1, 400], {}),
        ("LICENCE", [0, 1], {0: -7}),
        ("AUDIT", [3, 7], {7: 7}),
        # A clock that goes back, or a move to another time zone.
        ("FINDING", [1, 0, 1, -1, 7], {1: 1, 7: 7}),
    ],
)
def test_who_looks_late(rule: str, days: list[int], found: dict[int, int]) -> None:
    assert walked(ReminderRule(rule), days) == found


@pytest.mark.parametrize(
    ("at", "values", "found"),
    [
        (-30, {}, {OWNER}),
        (1, {}, {OWNER}),
        (7, {}, {OWNER, LEAD}),
        (14, {}, {OWNER, LEAD, HEAD}),
        # The department of the thing comes before the owner's; whoever leads it themselves goes one higher.
        (7, {"department_id": STORES}, {OWNER, HEAD}),
        # Who left, or never was there: up to whoever is.
        (-30, {"owner_id": GONE}, {HEAD}),
        (-30, {"owner_id": GONE, "department_id": SHOP}, {LEAD}),
        (-30, {"owner_id": None}, {BOSS}),
        (14, {"owner_id": None}, {BOSS, HEAD}),
    ],
)
def test_whom_a_step_reaches(at: int, values: dict, found: set[UUID]) -> None:
    assert people(thing(ReminderRule.FINDING, **values), at, STAFF) == found


def test_nobody_left_hears_nothing() -> None:
    assert people(thing(ReminderRule.FINDING), 14, Staff()) == frozenset()


@pytest.mark.parametrize(
    ("rule", "day", "text"),
    [
        ("FINDING", date(2024, 2, 23), "Finding 3 “Gauge” must be closed by 2024-03-01: in 7 days."),
        ("FINDING", date(2024, 2, 29), "Finding 3 “Gauge” must be closed by 2024-03-01: in 1 day."),
        ("FINDING", date(2024, 3, 2), "Finding 3 “Gauge” had to be closed by 2024-03-01: 1 day ago."),
        ("LICENCE", date(2024, 1, 31), "Finding 3 “Gauge” expires on 2024-03-01: in 30 days."),
        ("DEFERRAL", date(2024, 3, 1), "Finding 3 “Gauge” must be rectified by 2024-03-01: today."),
    ],
)
def test_what_it_says(rule: str, day: date, text: str) -> None:
    assert sentence(thing(ReminderRule(rule)), day) == text


def test_every_rule_is_whole() -> None:
    """Escalations go up, never down, and what is due later than the horizon has no step yet."""
    assert set(RULES) == set(ReminderRule)
    for name, rule in RULES.items():
        levels = [level for _, level in sorted(rule.steps.items())]
        assert levels == sorted(levels)
        assert all(level is Level.OWNER for at, level in rule.steps.items() if not is_escalation(at))
        today = DUE - timedelta(days=1)
        last = Reminder(name, "fnd", UUID(int=9), horizon(name, today), "It")
        later = Reminder(name, "fnd", UUID(int=9), last.due_on + timedelta(days=1), "It")
        assert (step(last, today), step(later, today)) == (rule.first, None)


def test_long_texts_are_cut() -> None:
    long = Reminder(ReminderRule.FINDING, "fnd", UUID(int=1), DUE, "x\n" * 2000)
    assert len(sentence(long, DUE)) <= 1000
    assert "\n" not in sentence(long, DUE)
