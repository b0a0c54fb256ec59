"""The rules of work orders, task cards and deferrals, as tables."""

from datetime import date
from uuid import UUID

import pytest

from db.maintenance.defects import MelCategory
from db.maintenance.task_cards import TaskCardStatus as Card
from db.maintenance.work_orders import WorkOrderStatus as Order
from domain.errors import ErrorCode, UserErrors
from domain.fleet.rules.utilisation import Amount
from domain.maintenance.rules import defects, deferrals, task_cards, work_orders
from domain.maintenance.rules.deferrals import Stated
from domain.maintenance.rules.steps import Step, take

ORDER_STEPS = {
    Order.DRAFT: {work_orders.OPEN: Order.OPEN, work_orders.CANCEL: Order.CANCELLED},
    Order.OPEN: {work_orders.START: Order.IN_PROGRESS, work_orders.CANCEL: Order.CANCELLED},
    Order.IN_PROGRESS: {work_orders.COMPLETE: Order.AWAITING_RELEASE, work_orders.CANCEL: Order.CANCELLED},
    Order.AWAITING_RELEASE: {work_orders.RELEASE: Order.RELEASED},
    Order.RELEASED: {work_orders.CLOSE: Order.CLOSED, work_orders.RELEASE_AGAIN: Order.RELEASED},
    Order.CLOSED: {work_orders.RELEASE_AGAIN: Order.RELEASED},
    Order.CANCELLED: {},
}
CARD_STEPS = {
    Card.OPEN: {task_cards.START: Card.IN_PROGRESS, task_cards.CANCEL: Card.CANCELLED},
    Card.IN_PROGRESS: {task_cards.PERFORM: Card.PERFORMED, task_cards.CANCEL: Card.CANCELLED},
    Card.PERFORMED: {
        task_cards.INSPECT: Card.INSPECTED,
        task_cards.REJECT: Card.IN_PROGRESS,
        task_cards.CLOSE: Card.CLOSED,
    },
    Card.INSPECTED: {task_cards.CLOSE_INSPECTED: Card.CLOSED, task_cards.REJECT: Card.IN_PROGRESS},
    Card.CLOSED: {},
    Card.CANCELLED: {},
}


def reached(status: str, step: Step) -> str | None:
    try:
        return take("thing", status, step)
    except UserErrors as refused:
        assert status in refused.errors[0].message  # noqa: PT017 - what is said matters as well
        return None


@pytest.mark.parametrize("table", [ORDER_STEPS, CARD_STEPS], ids=["work order", "task card"])
def test_every_step_from_every_state(table: dict[str, dict[Step, str]]) -> None:
    """RULES: DRAFT -> OPEN -> IN_PROGRESS -> AWAITING_RELEASE -> RELEASED -> CLOSED, CANCELLED from the first three;
    OPEN -> IN_PROGRESS -> PERFORMED -> (INSPECTED) -> CLOSED."""
    steps = {step for leads in table.values() for step in leads}
    for status, leads in table.items():
        assert {step: reached(status, step) for step in steps} == {step: leads.get(step) for step in steps}


def test_a_required_inspection_stands_before_the_closing() -> None:
    assert task_cards.closing(inspection_required=False) is task_cards.CLOSE
    assert task_cards.closing(inspection_required=True) is task_cards.CLOSE_INSPECTED


def test_nobody_inspects_their_own_work() -> None:
    """14 CFR 121.371(c)."""
    ada, bo = UUID(int=1), UUID(int=2)
    task_cards.independent(ada, {bo})
    with pytest.raises(UserErrors, match=r"121\.371"):
        task_cards.independent(ada, {ada, bo})


# (category, found on, stated, last day, minutes, cycles); the totals at the deferral are 600 minutes and 40 cycles.
LIMITS = [
    # FAA PL-25: recorded at 10 a.m. on January 26th, B begins at midnight the 26th and ends at midnight the 29th.
    (MelCategory.B, date(2026, 1, 26), Stated(), date(2026, 1, 29), None, None),
    (MelCategory.C, date(2026, 1, 26), Stated(), date(2026, 2, 5), None, None),
    (MelCategory.D, date(2026, 1, 26), Stated(), date(2026, 5, 26), None, None),
    # Over the end of a year, of February in a leap year and in another, and over both changes of the clock.
    (MelCategory.B, date(2025, 12, 30), Stated(), date(2026, 1, 2), None, None),
    (MelCategory.C, date(2024, 2, 20), Stated(), date(2024, 3, 1), None, None),
    (MelCategory.C, date(2026, 2, 20), Stated(), date(2026, 3, 2), None, None),
    (MelCategory.B, date(2026, 3, 27), Stated(), date(2026, 3, 30), None, None),
    (MelCategory.D, date(2026, 7, 1), Stated(), date(2026, 10, 29), None, None),
    # A: as the item states, in one dimension or several.
    (MelCategory.A, date(2026, 1, 26), Stated(days=1), date(2026, 1, 27), None, None),
    (MelCategory.A, date(2026, 1, 26), Stated(minutes=1500), None, 2100, None),
    (MelCategory.A, date(2026, 1, 26), Stated(cycles=3), None, None, 43),
    (MelCategory.A, date(2024, 2, 28), Stated(2, 60, 1), date(2024, 3, 1), 660, 41),
]


@pytest.mark.parametrize(("category", "found_on", "stated", "last", "minutes", "cycles"), LIMITS)
def test_limits_of_deferrals(category, found_on, stated, last, minutes, cycles) -> None:
    limit = deferrals.limit(category, found_on, Amount(600, 40), stated)
    assert (limit.due_on, limit.due_minutes, limit.due_cycles) == (last, minutes, cycles)


@pytest.mark.parametrize(
    ("category", "stated", "refused"),
    [
        (MelCategory.A, Stated(), [(ErrorCode.REQUIRED, ("stated",))]),
        (MelCategory.B, Stated(days=2), [(ErrorCode.NOT_ALLOWED, ("stated",))]),
        (
            MelCategory.A,
            Stated(0, 1_000_001, -1),
            [(ErrorCode.OUT_OF_RANGE, ("stated", name)) for name in ("days", "minutes", "cycles")],
        ),
    ],
)
def test_limits_that_are_none(category, stated, refused) -> None:
    with pytest.raises(UserErrors) as caught:
        deferrals.limit(category, date(2026, 1, 26), Amount(0, 0), stated)
    assert [(error.code, error.path) for error in caught.value.errors] == refused


def test_a_deferral_begins_within_its_interval() -> None:
    deferrals.in_time(date(2026, 1, 29), date(2026, 1, 29))
    deferrals.in_time(None, date(2026, 1, 29))
    with pytest.raises(UserErrors, match="2026-01-29"):
        deferrals.in_time(date(2026, 1, 29), date(2026, 1, 30))


# (category, interval, last day, extended before, days, today, last day after or what is refused)
EXTENSIONS = [
    (MelCategory.B, 3, date(2026, 1, 29), None, 3, date(2026, 1, 29), date(2026, 2, 1)),
    (MelCategory.C, 10, date(2024, 2, 27), None, 2, date(2024, 2, 20), date(2024, 2, 29)),
    (MelCategory.D, 120, date(2026, 5, 26), None, 120, date(2026, 2, 1), date(2026, 9, 23)),
    # ORO.MLR.105(f)(2): as a maximum of the same duration as the interval; once; never after it has expired.
    (MelCategory.B, 3, date(2026, 1, 29), None, 4, date(2026, 1, 28), [("OUT_OF_RANGE", "days")]),
    (MelCategory.B, 3, date(2026, 1, 29), None, 0, date(2026, 1, 28), [("OUT_OF_RANGE", "days")]),
    (MelCategory.C, 10, date(2026, 1, 29), None, 1, date(2026, 1, 30), [("EXPIRED", "id")]),
    (
        MelCategory.C,
        10,
        date(2026, 1, 29),
        1,
        11,
        date(2026, 1, 30),
        [("NOT_ALLOWED", "id"), ("EXPIRED", "id"), ("OUT_OF_RANGE", "days")],
    ),
    (MelCategory.A, 10, date(2026, 1, 29), None, 1, date(2026, 1, 28), [("NOT_ALLOWED", "id")]),
]


@pytest.mark.parametrize(("category", "interval", "due_on", "before", "days", "today", "expected"), EXTENSIONS)
def test_extensions(category, interval, due_on, before, days, today, expected) -> None:
    if isinstance(expected, date):
        assert deferrals.extended(category, interval, due_on, before, days, today) == expected
        return
    with pytest.raises(UserErrors) as caught:
        deferrals.extended(category, interval, due_on, before, days, today)
    assert [(error.code.value, *error.path) for error in caught.value.errors] == expected


@pytest.mark.parametrize(
    ("typed", "found"), [("32", "32"), (" 32-41", "32-41"), ("32.41.01", "32-41-01"), ("3", None), ("32-4", None)]
)
def test_ata_chapters(typed: str, found: str | None) -> None:
    if found:
        assert defects.ata_chapter(typed) == found
        return
    with pytest.raises(UserErrors, match="ATA"):
        defects.ata_chapter(typed)


def test_what_completes_a_work_order() -> None:
    work_orders.complete([(1, "Wheels", Card.CLOSED), (2, "Brakes", Card.CANCELLED)])
    with pytest.raises(UserErrors) as caught:
        work_orders.complete([(1, "Wheels", Card.CLOSED), (2, "Brakes", Card.OPEN), (3, "Tyres", Card.INSPECTED)])
    assert [error.message[:12] for error in caught.value.errors] == ["Task card 2 ", "Task card 3 "]
    for nothing in ([], [(1, "Wheels", Card.CANCELLED)]):
        with pytest.raises(UserErrors, match="no work to release"):
            work_orders.complete(nothing)
