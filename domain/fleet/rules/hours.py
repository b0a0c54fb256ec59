"""Flight time and cycles as people and maintenance systems write them, as whole minutes and counts."""

import re
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from domain.errors import ErrorCode, UserErrors, refuse

# Nothing that ever flew comes near (the oldest airframes have some 200,000 hours); what passes is a mistyped cell.
MOST_MINUTES = 1_000_000 * 60
MOST_CYCLES = 1_000_000

CLOCK = re.compile(r"(\d+):(\d{2})(?::(\d{2}))?")
SPACES = re.compile(r"[\s']")
GROUPED_BY_SPACE = re.compile(r"\d{1,3}([\s'’]\d{3})+([.,]\d+)?(:\d{2})?")
# One separator and three digits after it: a thousand or a thousandth? (0,250 and 1234.567 are clear.)
UNCLEAR = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
COMMA_GROUPS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d+|:\d{2})?")
DOT_GROUPS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+(,\d+|:\d{2})?")
PLAIN = re.compile(r"\d+([.,]\d+)?")
CYCLE_GROUPS = re.compile(r"[1-9]\d{0,2}([.,\s'’]\d{3})+")
WHOLE = re.compile(r"(\d+)([.,]0{1,2})?")

INFINITE = (float("inf"), float("-inf"))

Cell = str | int | float | Decimal | time | timedelta


def minutes(value: Cell) -> int:
    """Minutes from "1234:30", "1234.5", "1,234.5", "1.234,5", a number of hours or a spreadsheet's duration.

    Decimal hours are rounded to the nearest minute. Negative times, 60 minutes and more behind the colon, and
    texts that can mean two things ("1,234") are refused with what to write instead.
    """
    if isinstance(value, datetime):
        raise _no_time(str(value))
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
    if isinstance(value, timedelta):
        found = _rounded(Decimal(str(value.total_seconds())) / 60)
    elif isinstance(value, str):
        found = _from_text(value.strip())
    else:
        found = _rounded(Decimal(str(value)) * 60)
    if found < 0:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"'{value}' is negative; hours start at 0.")
    if found > MOST_MINUTES:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"'{str(value)[:30]}' hours are more than any aircraft has.")
    return found


def cycles(value: Cell) -> int:
    """A whole number of cycles from 1234, "1,234", "1 234" or 1234.0."""
    if isinstance(value, str):
        text = value.strip()
        if CYCLE_GROUPS.fullmatch(text):
            found = int(re.sub(r"\D", "", text))
        elif match := WHOLE.fullmatch(text):
            found = int(match[1])
        elif re.fullmatch(r"-\s*\d+([.,]\d+)?", text):
            raise refuse(ErrorCode.OUT_OF_RANGE, f"'{text[:30]}' is negative; cycles start at 0.")
        else:
            raise _no_count(text)
    elif isinstance(value, time | timedelta) or value in INFINITE or value != value:  # noqa: PLR0124 - only NaN does
        raise _no_count(str(value))
    else:
        found = int(value)
        if found != value:
            raise _no_count(str(value))
    if found < 0:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"'{value}' is negative; cycles start at 0.")
    if found > MOST_CYCLES:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"'{str(value)[:30]}' cycles are more than any aircraft has.")
    return found


def as_hours(total: int) -> str:
    """Minutes as people read them: 74070 is "1234:30"."""
    sign = "-" if total < 0 else ""
    return f"{sign}{abs(total) // 60}:{abs(total) % 60:02d}"


def _from_text(text: str) -> int:
    if text.startswith(("-", "−")) and PLAIN.match(text[1:].strip()):
        raise refuse(ErrorCode.OUT_OF_RANGE, f"'{text[:30]}' is negative; hours start at 0.")
    if GROUPED_BY_SPACE.fullmatch(text):
        text = SPACES.sub("", text).replace("’", "")
    elif UNCLEAR.fullmatch(text):
        whole = re.sub(r"\D", "", text)
        raise refuse(
            ErrorCode.INVALID,
            f"'{text}' can mean {whole} hours or {text.replace(',', '.')} hours; write {whole}:00, or the hours"
            " with one or two decimals.",
        )
    elif COMMA_GROUPS.fullmatch(text):
        text = text.replace(",", "")
    elif DOT_GROUPS.fullmatch(text):
        text = text.replace(".", "")
    if match := CLOCK.fullmatch(text):
        return _from_clock(text, int(match[1]), int(match[2]), int(match[3] or 0))
    if PLAIN.fullmatch(text) and len(text) <= 30:
        return _rounded(Decimal(text.replace(",", ".")) * 60)
    raise _no_time(text)


def _from_clock(text: str, hours: int, minutes: int, seconds: int) -> int:
    if minutes >= 60 or seconds >= 60:
        raise refuse(ErrorCode.INVALID, f"'{text[:30]}' has 60 or more behind a colon; minutes go from 00 to 59.")
    return hours * 60 + minutes + (1 if seconds >= 30 else 0)


def _rounded(value: Decimal) -> int:
    if not value.is_finite():
        raise _no_time(str(value))
    return int(value.to_integral_value(ROUND_HALF_UP))


def _no_time(text: str) -> UserErrors:
    return refuse(ErrorCode.INVALID, f"'{text[:30]}' is no flight time; write 1234:30 or 1234.5.")


def _no_count(text: str) -> UserErrors:
    return refuse(ErrorCode.INVALID, f"'{text[:30]}' is no whole number of cycles; write digits only.")
