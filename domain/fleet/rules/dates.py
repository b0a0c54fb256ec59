"""Dates as people and spreadsheets write them. What can be read in two ways is refused."""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum

from domain.errors import ErrorCode, UserErrors, refuse

# Day 0 of Excel's 1900 system for serials from 61 on: Excel counts a 29 February 1900 that never was.
EXCEL_EPOCH = date(1899, 12, 30)
FIRST_SERIAL = 3_654  # 1910; a smaller number is more likely a year that lost its day
LAST_SERIAL = 73_415  # the end of 2100
# A year alone in a cell that shows dates is a day of 1905: whoever typed 2004 sees 26 June 1905.
EARLIEST_YEAR = 1910

ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?")
YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})")
DOTTED = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})")
SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(?: 0{1,2}:00(?::00)?)?")
NAMED = re.compile(r"(\d{1,2})[ .-]*([A-Za-z]{3,9})[ .,-]*(\d{4})")
SHORT_YEAR = re.compile(r"\d{1,2}[./ -](\d{1,2}|[A-Za-z]{3,9})[./ -]\d{2}")
SERIAL = re.compile(r"\d{5}(\.0+)?")
MONTHS = (
    ("jan", "january"),
    ("feb", "february"),
    ("mar", "march"),
    ("apr", "april"),
    ("may", "may"),
    ("jun", "june"),
    ("jul", "july"),
    ("aug", "august"),
    ("sep", "sept", "september"),
    ("oct", "october"),
    ("nov", "november"),
    ("dec", "december"),
)


class DateOrder(StrEnum):
    """How dates with slashes are meant when a file's owner knows it."""

    DAY_FIRST = "DAY_FIRST"
    MONTH_FIRST = "MONTH_FIRST"


def parsed(value: str | int | float | date, order: DateOrder | None = None) -> date:
    """A date from 2004-03-12, 12.03.2004, 12/03/2004, 12-MAR-2004, or an Excel serial number (38058).

    With slashes the day comes first; 03/04/2005 could also be March 4th and is refused unless `order` says how
    the file means it. Years have four digits.
    """
    if isinstance(value, date):
        return _checked(value.date() if isinstance(value, datetime) else value)
    if isinstance(value, bool):
        raise _no_date(str(value))
    if isinstance(value, int | float):
        return _from_serial(value)
    return _from_text(value.strip(), order)


def _from_text(text: str, order: DateOrder | None) -> date:
    if match := SLASHED.fullmatch(text):
        return _from_slashes(text, int(match[1]), int(match[2]), int(match[3]), order)
    if SERIAL.fullmatch(text):
        return _from_serial(float(text))
    if SHORT_YEAR.fullmatch(text):
        raise refuse(ErrorCode.INVALID, f"'{text}' has a year of two digits; write four, as in 2004-03-12.")
    if match := (ISO.fullmatch(text) or YEAR_FIRST.fullmatch(text)):
        year, month, day = match[1], match[2], match[3]
    elif match := DOTTED.fullmatch(text):
        day, month, year = match[1], match[2], match[3]
    elif (match := NAMED.fullmatch(text)) and (number := _month(match[2])):
        day, month, year = match[1], str(number), match[3]
    else:
        raise _no_date(text)
    return _made(text, int(year), int(month), int(day))


def _from_slashes(text: str, first: int, second: int, year: int, order: DateOrder | None) -> date:
    day_first = _real(year, second, first)
    month_first = _real(year, first, second)
    if order is not None:
        chosen = day_first if order is DateOrder.DAY_FIRST else month_first
        if chosen is None:
            how = "day/month/year" if order is DateOrder.DAY_FIRST else "month/day/year"
            raise refuse(ErrorCode.INVALID, f"'{text}' is no date when read as {how}; write it as 2004-03-12.")
        return _checked(chosen)
    if day_first and month_first and day_first != month_first:
        raise refuse(
            ErrorCode.INVALID,
            f"'{text}' can mean {day_first} or {month_first}; write the one that is right in this form.",
        )
    found = day_first or month_first
    if found is None:
        raise refuse(ErrorCode.INVALID, f"'{text}' is no date of the calendar; write it as 2004-03-12.")
    return _checked(found)


def _month(name: str) -> int | None:
    return next((number for number, names in enumerate(MONTHS, 1) if name.lower() in names), None)


def _from_serial(value: float) -> date:
    if not FIRST_SERIAL <= value <= LAST_SERIAL:
        raise refuse(ErrorCode.INVALID, f"{value:g} is no date; write it as 2004-03-12.")
    return _checked(EXCEL_EPOCH + timedelta(days=int(value)))


def _made(text: str, year: int, month: int, day: int) -> date:
    found = _real(year, month, day)
    if found is None:
        raise refuse(ErrorCode.INVALID, f"'{text}' is no date of the calendar; check its day and month.")
    return _checked(found)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _checked(found: date) -> date:
    if found.year < EARLIEST_YEAR:
        raise refuse(
            ErrorCode.OUT_OF_RANGE,
            f"{found} is before {EARLIEST_YEAR}; check the year (a spreadsheet shows a year alone as a day of 1905).",
        )
    return found


def _no_date(text: str) -> UserErrors:
    return refuse(ErrorCode.INVALID, f"'{text[:30]}' is no date; write it as 2004-03-12.")
