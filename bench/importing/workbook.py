"""A fleet as a planner's workbook, sound or with defective rows: what is wrong where is known beforehand."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from openpyxl import Workbook

HEADERS = (
    "Registration", "Manufacturer", "Model", "ICAO type", "MSN", "Hours", "Cycles", "Manufactured", "Status", "Base",
)  # fmt: skip
FIRST_ROW = 5  # below a title, the day of print, a blank line and the header
TYPES = (
    ("Airbus", "A320-214", "A320"),
    ("Airbus", "A321-271NX", "A21N"),
    ("Boeing", "737-8AS", "B738"),
    ("ATR", "72-600", "AT76"),
    ("Embraer", "ERJ 190-100 LR", "E190"),
    ("Cessna", "208B Grand Caravan", "C208"),
    ("Leonardo", "AW139", "A139"),
)
BASES = ("EDDF", "EIDW", "LOWW", "LPPT", "ENZV")
STATUSES = ("In service", "In service", "In service", "Maintenance", "Stored")
COLUMN = {header: place for place, header in enumerate(HEADERS)}

Cells = list[Any]


@dataclass(frozen=True)
class Defect:
    """What is done to a row (`above` is the sound row over it), and the columns in which that must be told."""

    spoil: Callable[[Cells, Cells], None]
    columns: tuple[str, ...]


def put(column: str, value: Any) -> Defect:
    def spoil(cells: Cells, _above: Cells) -> None:
        cells[COLUMN[column]] = value

    return Defect(spoil, (column,))


def copied(*columns: str, told: str) -> Defect:
    """The same as in the row above where every aircraft has its own."""

    def spoil(cells: Cells, above: Cells) -> None:
        for column in columns:
            cells[COLUMN[column]] = above[COLUMN[column]]

    return Defect(spoil, (told,))


def cleared(*columns: str, told: str) -> Defect:
    def spoil(cells: Cells, _above: Cells) -> None:
        for column in columns:
            cells[COLUMN[column]] = None

    return Defect(spoil, (told,))


def several(*defects: Defect) -> Defect:
    def spoil(cells: Cells, above: Cells) -> None:
        for defect in defects:
            defect.spoil(cells, above)

    return Defect(spoil, tuple(column for defect in defects for column in defect.columns))


DEFECTS = (
    put("Registration", None),
    put("Registration", "?!"),
    put("Registration", "D ABCD"),
    copied("Registration", told="Registration"),
    put("MSN", None),
    put("MSN", datetime(2025, 12, 3)),
    copied("Manufacturer", "Model", "ICAO type", "MSN", told="MSN"),
    put("ICAO type", "Airliner"),
    cleared("Manufacturer", "Model", "ICAO type", told="Model"),
    put("Hours", "12034:75"),
    put("Hours", "-120:30"),
    put("Hours", "about 900"),
    put("Cycles", "many"),
    put("Cycles", 1200.5),
    put("Manufactured", "31.02.2011"),
    put("Manufactured", date(2199, 5, 1)),
    put("Manufactured", "03/04/2005"),
    put("Manufactured", 2004),
    put("Status", "Lost?"),
    put("Base", "FRA"),
    several(put("Hours", "12.345"), put("Cycles", "many"), put("Status", "?"), put("Base", "Lisbon")),
)


def fleet(count: int) -> list[Cells]:
    """The sound rows: invented aircraft, the same at every run."""
    chance = random.Random(11)
    rows = []
    for number in range(count):
        letters = "".join(chr(65 + number // 26**place % 26) for place in (2, 1, 0))
        minutes = chance.randrange(2_000, 4_000_000)
        made = date(1998, 1, 1) + timedelta(days=chance.randrange(9_000))
        hours = timedelta(minutes=minutes) if number % 3 else f"{minutes // 60}:{minutes % 60:02d}"
        usage = [hours, minutes // chance.randrange(60, 150), made, chance.choice(STATUSES), chance.choice(BASES)]
        rows.append([f"D-{letters}X", *chance.choice(TYPES), 1_000 + 7 * number, *usage])
    return rows


def spoiled(rows: list[Cells], count: int) -> tuple[list[Cells], set[tuple[int, str]]]:
    """A copy with so many defective rows, and every (row as a spreadsheet numbers it, column) to be told."""
    made, told = [list(row) for row in rows], set()
    for number in range(count):
        # The first row of each type says what the type is, so those of the beginning stay sound.
        place = len(rows) - 1 - number * (len(rows) // (count + 1))
        defect = DEFECTS[number % len(DEFECTS)]
        defect.spoil(made[place], made[place - 1])
        told |= {(FIRST_ROW + place, column) for column in defect.columns}
    return made, told


def workbook(rows: list[Cells]) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.append(["Fleet register"])
    sheet.append(["Printed", datetime(2026, 11, 3, 7, 12)])
    sheet.append([])
    sheet.append(list(HEADERS))
    for number, row in enumerate(rows, FIRST_ROW):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column, value)
            if isinstance(value, timedelta):
                cell.number_format = "[h]:mm"
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()
