"""Which passwords are strong enough, and what their hashes look like."""

from collections.abc import Iterable

MIN_LENGTH = 12
MAX_LENGTH = 200
MIN_SCORE = 3
# zxcvbn's time grows quickly with length; a weak start stays weak, and 72 characters tell strong from weak.
SCORED_LENGTH = 72

# OWASP Password Storage Cheat Sheet, argon2id: at least 19 MiB, two iterations, one degree of parallelism.
ARGON2_MEMORY_KIB = 19_456
ARGON2_ITERATIONS = 2
ARGON2_PARALLELISM = 1


def weakness(password: str, personal: Iterable[str] = ()) -> str | None:
    """Why a new password is refused, as a sentence that says what to do; None when it is strong enough.

    `personal` are the person's own words (name, e-mail, organization), which guessers try first.
    """
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    from zxcvbn import zxcvbn  # loading its word lists would slow down the start of every process

    words = [part for text in personal for part in _words(text)]
    result = zxcvbn(password[:SCORED_LENGTH], user_inputs=words)
    if result["score"] >= MIN_SCORE:
        return None
    warning = result["feedback"]["warning"].rstrip(".")
    hint = f"{warning}. " if warning else ""
    return f"{hint}This password is too easy to guess: use a few uncommon words."


def _words(text: str) -> list[str]:
    parts = text.replace("@", " ").replace(".", " ").replace("-", " ").split()
    return [text, *text.split("@"), "".join(parts), *parts] if text else []


def is_bcrypt(password_hash: str) -> bool:
    return password_hash.startswith(("$2a$", "$2b$", "$2y$"))
