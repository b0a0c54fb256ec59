"""The fonts of certificates: those of packages, never the machine's, so that a page looks the same everywhere."""

import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

import manimgx_fonts
import noto_cjk_sans_jp_regular
from fontTools.ttLib import TTFont

FAMILY = "Noto Sans"
# In the order in which they are asked for a character; with many scripts of their own, the rest follow by themselves.
FAMILIES = (FAMILY, "Noto Sans Arabic", "Noto Sans CJK JP", "Noto Sans Symbols", "Noto Emoji")
# Joiners, marks of direction and choices of a variant: they show in what stands beside them, if at all.
INVISIBLE = ("Cf", "Mn", "Me")


def folders() -> list[str]:
    """Where Typst finds them."""
    packages = (manimgx_fonts, noto_cjk_sans_jp_regular)
    return [str(Path(package.__file__ or "").parent) for package in packages]


def printable(value: Any) -> Any:
    """The same value with every character that no font has named by its number, as in `U+12000`: PDF/A allows no empty
    boxes, and a name must not stop a certificate."""
    if isinstance(value, str):
        known = covered()
        return value if known.issuperset(map(ord, value)) else "".join(_shown(each, known) for each in value)
    if isinstance(value, dict):
        return {name: printable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


def _shown(character: str, known: frozenset[int]) -> str:
    if ord(character) in known:
        return character
    return "" if unicodedata.category(character) in INVISIBLE else f"[U+{ord(character):04X}]"


@lru_cache
def covered() -> frozenset[int]:
    """The characters that the fonts have between them."""
    found: set[int] = {ord("\n")}
    for folder in folders():
        for path in Path(folder).iterdir():
            if path.suffix in (".ttf", ".otf"):
                with TTFont(path, lazy=True) as font:
                    found.update(font.getBestCmap())
    return frozenset(found)
