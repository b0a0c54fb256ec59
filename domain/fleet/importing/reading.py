"""From the bytes of a file to a grid of cells, each row with the number a person sees. The content decides what
the file is, not its name."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook

from domain.fleet.importing.columns import HEADER_WITHIN, header_score
from domain.fleet.importing.report import RowNumber

Cell = str | int | float | bool | date | datetime | time | timedelta

MOST_BYTES = 50_000_000
MOST_ROWS = 100_000
MOST_COLUMNS = 500
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
DELIMITERS = (",", ";", "\t", "|")


class UnreadableError(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Row:
    number: RowNumber
    cells: list[Cell]

    @property
    def is_blank(self) -> bool:
        return all(isinstance(cell, str) and not cell.strip() for cell in self.cells)


def read(content: bytes) -> list[Row]:
    """All rows of a CSV file, or of the sheet of a workbook that looks most like a fleet."""
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"The file is larger than {MOST_BYTES // 1_000_000} MB; split it.")
    if not content.strip():
        raise UnreadableError("The file is empty.")
    is_workbook = content.startswith((ZIP, OLE))
    rows = _workbook(content) if is_workbook else list(_text_rows(_decoded(content)))
    if len(rows) > MOST_ROWS:
        raise UnreadableError(f"The file has more than {MOST_ROWS:,} rows; split it.")
    return rows


def _workbook(content: bytes) -> list[Row]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
    except (CalamineError, ValueError, OSError) as error:
        raise UnreadableError(
            f"The file begins like a workbook but cannot be read as one ({error}). Open it in a spreadsheet"
            " program and save it as .xlsx without a password."
        ) from error
    # This bounds what a damaged or hostile file can make us build.
    if any(sheet.total_height > MOST_ROWS or sheet.total_width > MOST_COLUMNS for sheet in sheets):
        raise UnreadableError(f"A sheet has more than {MOST_ROWS:,} rows or {MOST_COLUMNS} columns; split it.")
    grids = [
        [Row(RowNumber(number), list(cells)) for number, cells in enumerate(sheet.to_python(skip_empty_area=False), 1)]
        for sheet in sheets
    ]
    if not any(not row.is_blank for grid in grids for row in grid):
        raise UnreadableError("The workbook has no cells with anything in them.")
    return max(grids, key=best_header)


def best_header(rows: list[Row]) -> int:
    """How many columns the most promising of the first rows names."""
    return max((header_score(row.cells) for row in rows[:HEADER_WITHIN]), default=0)


def _decoded(content: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 in either order, or Windows-1252; a NUL elsewhere is no text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif content[1:2] == b"\0" and content[3:4] == b"\0":
        encodings = ["utf-16-le"]
    elif content[:1] == b"\0" and content[2:3] == b"\0":
        encodings = ["utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return _checked(text)
        break
    raise UnreadableError("The file is neither a workbook nor text; export it as .xlsx or as CSV in UTF-8.")


def _checked(text: str) -> str:
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "<table")):
        raise UnreadableError(
            "The file is a web page or XML, whatever its name says. Open it in a spreadsheet program and save it"
            " as .xlsx or CSV."
        )
    return text


def _text_rows(text: str) -> Iterator[Row]:
    """CSV records. The delimiter is the one that names most columns; quotes may hold delimiters and new lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    offset = 0
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        # Excel's own hint: it is not a row of the sheet.
        delimiter, text, offset = first[4], rest, 1
    else:
        delimiter = max(DELIMITERS, key=lambda candidate: best_header(_head(text, candidate)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            line, before = before + 1 + offset, reader.line_num
            yield Row(RowNumber(number, line), list(cells))
    except csv.Error as error:
        raise UnreadableError(
            f"From row {number + 1} (line {before + 1 + offset}) on the file is not CSV: {error}. Look for a quotation"
            " mark that is not closed."
        ) from error


def _head(text: str, delimiter: str) -> list[Row]:
    """The first rows for one delimiter, as far as they can be read."""
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            rows.append(Row(RowNumber(len(rows) + 1), list(cells)))
            if len(rows) >= HEADER_WITHIN:
                break
    except csv.Error:
        pass
    return rows
