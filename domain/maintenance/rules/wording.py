"""Texts of several lines, as people type them."""

import unicodedata
from collections.abc import Callable

from domain.errors import ErrorCode, refuse


def paragraphs(what: str, longest: int) -> Callable[[str], str]:
    """A rule for a required text that keeps its lines; `what` begins its sentences."""

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
