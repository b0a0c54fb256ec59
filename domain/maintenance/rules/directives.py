"""Which aircraft a directive is for, and when it is due on them (14 CFR 39.11, 39.23 and 91.417(a)(2)(v)).

`db/maintenance/views.py` says the same in SQL.
"""

from db.maintenance.directives import DirectiveDecision, DirectiveStatus
from domain.maintenance.rules.intervals import Due, Limits, Reading, calendar_due, next_due


def serial_order(serial_number: str) -> tuple[int, str]:
    """Serial numbers in the order in which they are made: shorter ones first, so that 99 comes before 100."""
    return len(serial_number), serial_number


def in_range(serial_number: str, first: str | None, last: str | None) -> bool:
    """Both ends belong to it; without one it is open there."""
    own = serial_order(serial_number)
    return (first is None or serial_order(first) <= own) and (last is None or own <= serial_order(last))


def status(*, applies: bool, superseded: bool, decision: DirectiveDecision | None) -> DirectiveStatus:
    if not applies:
        return DirectiveStatus.NOT_APPLICABLE
    if superseded:
        return DirectiveStatus.SUPERSEDED
    return DirectiveStatus(decision) if decision else DirectiveStatus.OPEN


def first_due(threshold: Limits, within: Limits, effective: Reading) -> Due:
    """Before it was complied with. Directives say "before 5,000 cycles, or within 100 cycles after the effective date,
    whichever occurs later": the later of the two in each dimension. `effective` is the aircraft's reading that day."""
    return Due(
        _later(threshold.minutes, None if within.minutes is None else effective.minutes + within.minutes),
        _later(threshold.cycles, None if within.cycles is None else effective.cycles + within.cycles),
        calendar_due(effective.on, within),
    )


def due_again(done: Reading, interval: Limits, *, terminating: bool) -> Due:
    """After it was complied with; nothing when that ended it, or when it does not repeat."""
    return Due() if terminating else next_due(done, interval)


def _later(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
