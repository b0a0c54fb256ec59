"""What is printed."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sheet:
    """What is printed: the content, where it can be verified, and the logo with its content type."""

    content: dict[str, Any]
    url: str
    logo: tuple[str, bytes] | None = None
