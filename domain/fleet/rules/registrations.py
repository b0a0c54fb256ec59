"""Registration marks: the nationality mark and what the state of registry adds to it (ICAO Annex 7)."""

import re

from domain.errors import ErrorCode, refuse

LONGEST = 10
# Hyphens as word processors and spreadsheets type them.
HYPHENS = str.maketrans({"‐": "-", "‑": "-", "–": "-", "—": "-", "−": "-"})
SHAPE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*")


def registration(text: str) -> str:
    """The mark in upper case: 2 to 10 capital letters, digits and single hyphens inside.

    Annex 7, 3.2 to 3.4 ask for capital Roman letters, Arabic numerals and a hyphen between the parts; national
    formats differ too much (N123AB, D-AIBC, 5Y-KZX, HB-2345) to know more than that.
    """
    mark = text.translate(HYPHENS).strip().upper()
    if not mark:
        raise refuse(ErrorCode.REQUIRED, "The registration is missing.")
    if " " in mark:
        raise refuse(ErrorCode.INVALID, f"'{mark[:20]}' has a space; write a registration without one.")
    if not SHAPE.fullmatch(mark):
        raise refuse(
            ErrorCode.INVALID,
            f"'{mark[:20]}' is no registration; use letters A-Z, digits and single hyphens, as in D-AIBC.",
        )
    if not 2 <= len(mark) <= LONGEST:
        raise refuse(
            ErrorCode.OUT_OF_RANGE,
            f"'{mark[:20]}' has {len(mark)} characters; a registration has 2 to {LONGEST}.",
        )
    return mark
