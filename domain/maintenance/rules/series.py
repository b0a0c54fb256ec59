"""Number series and what their certificates begin with, as people may set them; texts of several lines."""

import re
import unicodedata
from collections.abc import Callable

from domain.errors import ErrorCode, refuse
from domain.fleet.rules.texts import named

LONGEST_PREFIX = 20
# No digit at its end: so no number of one series can be read as one of another.
PREFIX = re.compile(r"[A-Z]|[A-Z0-9][A-Z0-9-]*[A-Z-]")


def paragraphs(what: str, longest: int) -> Callable[[str], str]:
    """A rule for a required text of several lines; `what` begins its sentences."""

    def rule(text: str) -> str:
        lines = [" ".join(line.split()) for line in unicodedata.normalize("NFC", text).strip().splitlines()]
        found = "\n".join(lines)
        if not found:
            raise refuse(ErrorCode.REQUIRED, f"{what} is missing.")
        if len(found) > longest:
            raise refuse(ErrorCode.TOO_LONG, f"{what} has {len(found)} characters; at most {longest} are possible.")
        if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for line in lines for character in line):
            raise refuse(ErrorCode.INVALID, f"{what} has a character that cannot be printed; type it again.")
        return found

    return rule


organization_name = named("The organization's name", 200)
address = paragraphs("The address", 500)
authority = named("The authority", 200)
approval_reference = named("The approval reference", 50)
limitations = paragraphs("The text on limitations", 4000)
incomplete_work = paragraphs("The text on incomplete work", 4000)
remarks = paragraphs("The remarks", 4000)
reason = paragraphs("The reason", 1000)


def prefix(text: str) -> str:
    found = text.strip().upper()
    if not PREFIX.fullmatch(found) or len(found) > LONGEST_PREFIX:
        raise refuse(
            ErrorCode.INVALID,
            f"'{text[:30]}' is no prefix of numbers: take 1 to {LONGEST_PREFIX} letters, digits and hyphens,"
            " a letter or digit first and no digit last, as in CRS-.",
        )
    return found


def digits(count: int) -> int:
    if not 1 <= count <= 9:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"Numbers cannot have {count} digits; take 1 to 9.")
    return count
