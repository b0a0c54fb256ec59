"""Calendar months, as validities count them."""

from calendar import monthrange
from datetime import date


def month_end(day: date) -> date:
    """The last day of the month that `day` is in."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier, when negative), or that month's last day when it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_months_keeping_end(day: date, months: int) -> date:
    """As `add_months`; the last day of a month leads to the last day of a month (28 February to 29 February)."""
    moved = add_months(day, months)
    return month_end(moved) if day == month_end(day) else moved
