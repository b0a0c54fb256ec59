"""From a certificate's frozen content to PDF/A-3b, the content embedded; the same input gives the same bytes."""

import io
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import segno
import typst

from domain.maintenance.certificates import fonts

TEMPLATES = Path(__file__).parent / "templates"
STANDARD = "a-3b"
CODE_ERROR_CORRECTION = "m"  # a print may be stained: 15 % of the code may be unreadable
# By the first bytes: Typst goes by the file's name.
IMAGES = {b"\x89PNG": "logo.png", b"\xff\xd8\xff": "logo.jpg", b"GIF8": "logo.gif", b"RIFF": "logo.webp"}


@dataclass(frozen=True)
class Sheet:
    """What is printed: the content, where it can be verified, and the logo."""

    content: dict[str, Any]
    url: str
    logo: bytes | None = None


def data(content: dict[str, Any]) -> bytes:
    """The content as it is embedded: one way to write it, whatever the order it came in."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)


def typeset(sheet: Sheet) -> bytes:
    """The PDF, unsigned. typst.TypstError when the standard cannot be kept."""
    files = {
        **_templates(),
        "content.json": data(sheet.content),
        "fonts.json": orjson.dumps(fonts.FAMILIES),
        "code.svg": code(sheet.url),
    }
    name = logo_name(sheet.logo)
    if name and sheet.logo:
        files[name] = sheet.logo
    made = typst.compile(
        files,
        format="pdf",
        font_paths=fonts.folders(),
        ignore_system_fonts=True,
        sys_inputs={"url": sheet.url, "logo": name},
        pdf_standards=STANDARD,
        timestamp=datetime.fromisoformat(sheet.content["releasedAt"]),
    )
    assert isinstance(made, bytes)
    return made


def code(url: str) -> bytes:
    """The QR code as SVG."""
    out = io.BytesIO()
    segno.make(url, error=CODE_ERROR_CORRECTION, micro=False).save(
        out, kind="svg", border=2, xmldecl=False, svgns=True, svgclass=None, lineclass=None
    )
    return out.getvalue()


def logo_name(logo: bytes | None) -> str:
    """A file name by which Typst reads the picture; empty for what it cannot print."""
    if logo is None:
        return ""
    return next((name for start, name in IMAGES.items() if logo.startswith(start)), "")


@lru_cache
def _templates() -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in TEMPLATES.glob("*.typ")}
    return {"main" if name == "main.typ" else name: text for name, text in found.items()}
