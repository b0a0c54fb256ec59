"""Slugs: the short names of organizations in addresses and at sign-in."""

import re
import unicodedata

MIN_LENGTH = 3
MAX_LENGTH = 50
PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Words that an address of the platform could need, and the platform's own organizations.
RESERVED = frozenset({"admin", "api", "app", "auth", "docs", "graphql", "health", "help", "login", "metrics"}) | {
    *("ready", "register", "root", "static", "status", "system", "www")
}


def problem(slug: str) -> str | None:
    """Why a chosen slug is refused; None when it may be taken."""
    if not MIN_LENGTH <= len(slug) <= MAX_LENGTH:
        return f"Use {MIN_LENGTH} to {MAX_LENGTH} characters."
    if not PATTERN.fullmatch(slug):
        return "Begin with a letter and use lower-case letters, digits and single hyphens."
    if slug in RESERVED:
        return f"'{slug}' is reserved for the platform; choose another."
    return None


def from_name(name: str, suffix: str = "") -> str:
    """A valid slug for an organization's name; `suffix` tells it from others with the same name."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")
    if not base or not base[0].isalpha() or len(base) < MIN_LENGTH or base in RESERVED:
        base = f"org-{base}".rstrip("-")
    tail = f"-{suffix}" if suffix else ""
    return base[: MAX_LENGTH - len(tail)].rstrip("-") + tail
