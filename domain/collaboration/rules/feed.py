"""What a message may say."""

import unicodedata

from domain.errors import ErrorCode, refuse

LONGEST = 4_000


def text(given: str) -> str:
    """The text as it is kept: composed characters, lines as they were typed, nothing blank around them."""
    found = unicodedata.normalize("NFC", given).replace("\r\n", "\n").replace("\r", "\n").strip()
    if not found:
        raise refuse(ErrorCode.REQUIRED, "The message is empty; write something.", "input", "text")
    if len(found) > LONGEST:
        message = f"The message has {len(found)} characters; at most {LONGEST} are possible."
        raise refuse(ErrorCode.TOO_LONG, message, "input", "text")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Co", "Cn") and sign not in "\n\t" for sign in found):
        message = "The message has a character that cannot be printed; type it again."
        raise refuse(ErrorCode.INVALID, message, "input", "text")
    return found
