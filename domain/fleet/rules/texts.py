"""Texts as people type them: trimmed, composed, no control characters."""

import unicodedata
from collections.abc import Callable

from domain.errors import ErrorCode, refuse


def clean(text: str) -> str:
    """`text` in one line: composed characters, single spaces, nothing at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def named(what: str, longest: int) -> Callable[[str], str]:
    """A rule for a required text of at most `longest` characters; `what` begins its sentences."""

    def rule(text: str) -> str:
        found = clean(text)
        if not found:
            raise refuse(ErrorCode.REQUIRED, f"{what} is missing.")
        if len(found) > longest:
            raise refuse(ErrorCode.TOO_LONG, f"{what} has {len(found)} characters; at most {longest} are possible.")
        if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in found):
            raise refuse(ErrorCode.INVALID, f"{what} has a character that cannot be printed; type it again.")
        return found

    return rule


def lines(what: str, longest: int) -> Callable[[str], str]:
    """As `named`, for a text whose lines stay as they were typed."""

    def rule(text: str) -> str:
        found = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()
        if not found:
            raise refuse(ErrorCode.REQUIRED, f"{what} is missing.")
        if len(found) > longest:
            raise refuse(ErrorCode.TOO_LONG, f"{what} has {len(found)} characters; at most {longest} are possible.")
        if any(unicodedata.category(sign) in ("Cc", "Cs", "Co", "Cn") and sign not in "\n\t" for sign in found):
            raise refuse(ErrorCode.INVALID, f"{what} has a character that cannot be printed; type it again.")
        return found

    return rule


manufacturer = named("The manufacturer", 100)
model = named("The model", 100)
type_certificate_holder = named("The type certificate holder", 200)
_serial_number = named("The serial number", 50)
note = named("The note", 1000)


def serial_number(text: str) -> str:
    """A manufacturer's serial number in upper case, so that `msn 12a` and `MSN 12A` are one."""
    return _serial_number(_serial_number(text).upper())
