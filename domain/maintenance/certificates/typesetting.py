"""From a certificate's frozen content to PDF/A-3b, the content embedded; the same input gives the same bytes."""

import io
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
import segno
import typst

from domain.maintenance.certificates import fonts
from domain.maintenance.certificates.sheet import Sheet
from runtime.logging import get_logger

log = get_logger("opsgraph.certificates")

TEMPLATES = Path(__file__).parent / "templates"
STANDARD: Final = "a-3b"
CODE_ERROR_CORRECTION = "m"  # a print may be stained: 15 % of the code may be unreadable
LOGOS = {"image/png": "logo.png", "image/jpeg": "logo.jpg", "image/webp": "logo.webp"}


def data(content: dict[str, Any]) -> bytes:
    """The content as it is embedded: one way to write it, whatever the order it came in."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)


def typeset(sheet: Sheet) -> bytes:
    """The PDF, unsigned. It is made whatever is in the content: a release does not wait for a better one."""
    with suppress(typst.TypstError):
        return _compiled(sheet, sheet.content)
    # PDF/A has no room for a character that no font has. Which they are takes seconds to find out, once.
    shown = fonts.printable(sheet.content)
    with suppress(typst.TypstError):
        return _compiled(sheet, shown)
    # Then it is the logo, which was looked at when it was uploaded, but by another program.
    log.warning("certificate without its logo", number=sheet.content["number"], logo=sheet.content.get("logo"))
    return _compiled(replace(sheet, logo=None), shown)


def _compiled(sheet: Sheet, shown: dict[str, Any]) -> bytes:
    name = LOGOS[sheet.logo[0]] if sheet.logo else ""
    # In a folder of its own: files that are given in memory must be texts, and a logo is none.
    with TemporaryDirectory(prefix="opsgraph-certificate-") as folder:
        for file, content in _files(sheet, shown, name).items():
            (Path(folder) / file).write_bytes(content)
        made = typst.compile(
            str(Path(folder) / "main.typ"),
            root=folder,
            format="pdf",
            font_paths=fonts.folders(),
            ignore_system_fonts=True,
            sys_inputs={"url": sheet.url, "logo": name},
            pdf_standards=STANDARD,
            timestamp=datetime.fromisoformat(sheet.content["releasedAt"]),
        )
    assert isinstance(made, bytes)
    return made


def _files(sheet: Sheet, shown: dict[str, Any], logo: str) -> dict[str, bytes]:
    files = {
        **_templates(),
        "content.json": data(sheet.content),
        "shown.json": data(shown),
        "fonts.json": orjson.dumps(fonts.FAMILIES),
        "code.svg": code(sheet.url),
    }
    return files | {logo: sheet.logo[1]} if sheet.logo else files


def code(url: str) -> bytes:
    """The QR code as SVG."""
    out = io.BytesIO()
    segno.make(url, error=CODE_ERROR_CORRECTION, micro=False).save(
        out, kind="svg", border=2, xmldecl=False, svgns=True, svgclass=None, lineclass=None
    )
    return out.getvalue()


@lru_cache
def _templates() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in TEMPLATES.glob("*.typ")}
