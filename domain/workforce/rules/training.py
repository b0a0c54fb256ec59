"""How long training counts.

KEEP_ANNIVERSARY is the European rule for recurrent training and checks (AMC1 ORO.FC.145(g), ED Decision 2022/014/R):
(a) completed within the last three months of the validity, the new validity counts from the original expiry date;
(b) before that, from the end of the month in which it was completed. The first time, and after a lapse, it counts from
the end of the month too (ORO.FC.230(b)(3), and the IATA Dangerous Goods Regulations, 1.5, whose 24 months work alike).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from db.workforce.courses import RenewalPolicy
from domain.errors import ErrorCode, refuse
from domain.workforce.rules.months import add_months, add_months_keeping_end, month_end

EARLIEST = date(1950, 1, 1)


class TrainingState(StrEnum):
    VALID = "VALID"
    DUE = "DUE"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Terms:
    """What a course says of validity: months (None: for ever), and what a renewal counts from."""

    validity_months: int | None
    policy: RenewalPolicy = RenewalPolicy.FROM_COMPLETION
    window_months: int = 3


def expiry(completed_on: date, terms: Terms, previous: date | None = None) -> date | None:
    """The last day that the training counts; None for never. `previous` is that of the training before it."""
    if terms.validity_months is None:
        return None
    if terms.policy is RenewalPolicy.FROM_COMPLETION:
        return add_months(completed_on, terms.validity_months)
    if previous is not None:
        window_opens = add_months_keeping_end(previous, -terms.window_months) + timedelta(days=1)
        if window_opens <= completed_on <= previous:
            return add_months_keeping_end(previous, terms.validity_months)
    return add_months_keeping_end(month_end(completed_on), terms.validity_months)


def expiries(done: Sequence[tuple[date, Terms]]) -> list[date | None]:
    """The expiry of each training of a person and course, in order of completion: each counts from the one before."""
    found: list[date | None] = []
    for completed_on, terms in done:
        found.append(expiry(completed_on, terms, found[-1] if found else None))
    return found


def state(expires_on: date | None, warning_days: int, today: date) -> TrainingState:
    """VALID, DUE in the `warning_days` up to and with the last day, EXPIRED from the day after."""
    if expires_on is None or expires_on - timedelta(days=warning_days) > today:
        return TrainingState.VALID
    return TrainingState.DUE if today <= expires_on else TrainingState.EXPIRED


def grace_until(duties_from: date, grace_days: int) -> date | None:
    """The last day of supervised work before the course is passed; None when the course allows none.

    Fuelling staff: enrolled in a course that "will be completed within 90 days of initiating duties"
    (14 CFR 139.321(e)(1)).
    """
    return duties_from + timedelta(days=grace_days) if grace_days else None


def completed_on(day: date, today: date) -> date:
    if day > today:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is in the future; training counts once it is completed.")
    if day < EARLIEST:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"{day} is before {EARLIEST.year}; check the year.")
    return day
