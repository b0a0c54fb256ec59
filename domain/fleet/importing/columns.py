"""Which column is which: headers as maintenance systems, registers and people write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from domain.fleet.importing.report import Problem, Report

if TYPE_CHECKING:
    from domain.fleet.importing.reading import Row

# Exports begin with titles, dates and blank lines; a header further down is none.
HEADER_WITHIN = 25


class Field(StrEnum):
    """What a column can hold; the value is how messages call it."""

    REGISTRATION = "Registration"
    TYPE = "Type"
    MANUFACTURER = "Manufacturer"
    MODEL = "Model"
    DESIGNATOR = "ICAO type"
    CATEGORY = "Category"
    ENGINES = "Engines"
    SERIAL_NUMBER = "Serial number"
    HOURS = "Hours"
    CYCLES = "Cycles"
    MANUFACTURED = "Manufactured"
    STATUS = "Status"
    BASE = "Base"


SYNONYMS: dict[Field, str] = {
    Field.REGISTRATION: (
        "registration|reg|regn|reg no|registration no|registration number|registration mark|tail|tail no|tail number"
        "|aircraft reg|aircraft registration|ac reg|a c reg|acreg|n number|kennzeichen|immatriculation|matricula"
    ),
    Field.TYPE: "type|aircraft type|ac type|a c type|actype|typ|type series|muster",
    Field.MANUFACTURER: "manufacturer|mfr|mfgr|make|oem|builder|hersteller|constructeur|fabricante",
    Field.MODEL: "model|aircraft model|variant|series|model series|type model|modell|modele|modelo",
    Field.DESIGNATOR: "icao type|icao|icao code|icao designator|type designator|icao type designator|icao type code",
    Field.CATEGORY: "category|aircraft category|class|aircraft class|kategorie|categorie|categoria",
    Field.ENGINES: "engines|engine count|no of engines|number of engines|engine qty|eng",
    Field.SERIAL_NUMBER: (
        "msn|serial|serial no|serial number|s n|sn|ser no|manufacturer serial number|manufacturers serial number"
        "|mfr serial number|construction number|c n|cn|aircraft serial number|werknummer|numero de serie"
    ),
    Field.HOURS: (
        "hours|hrs|ttaf|tsn|tt|total time|total hours|total flight hours|flight hours|fh|airframe hours|airframe time"
        "|af hours|hours since new|time since new|total time airframe|total airframe hours|aftt|ttsn|flugstunden"
        "|hours tsn|stunden|heures|horas"
    ),
    Field.CYCLES: (
        "cycles|csn|landings|ldg|ldgs|total cycles|total landings|fc|flight cycles|cycles since new|cyc|tac"
        "|cycles landings|landings cycles|af cycles|airframe cycles|landungen|zyklen|atterrissages|ciclos"
    ),
    Field.MANUFACTURED: (
        "manufactured|mfg date|mfg|date of manufacture|manufacture date|manufacturing date|manufactured on|dom"
        "|build date|built|year built|date built|production date|delivered new|baujahr|herstellungsdatum"
    ),
    Field.STATUS: "status|state|aircraft status|operational status|condition|zustand|statut|estado",
    Field.BASE: (
        "base|home base|homebase|base airport|station|main base|location|airport|base icao|base station|heimatbasis"
    ),
}
BY_HEADER = {synonym: field for field, text in SYNONYMS.items() for synonym in text.split("|")}


@dataclass(frozen=True)
class Table:
    """The rows below the header, and where each known column is."""

    rows: list["Row"]
    positions: dict[Field, int]
    headers: dict[Field, str]


def recognize(grid: list["Row"], report: Report) -> Table | None:
    """The table in a grid; None, and problems in the report, when there is no usable header."""
    best = max(grid[:HEADER_WITHIN], key=lambda row: header_score(row.cells))
    found = [field_of(cell) for cell in best.cells]
    if Field.REGISTRATION not in found or sum(field is not None for field in found) < 2:
        report.problems.append(
            Problem(
                None,
                "",
                "",
                f"No row of the first {HEADER_WITHIN} names the columns. One row must, with at least 'Registration'"
                " and 'Serial number', and 'Type' or 'Manufacturer' and 'Model'.",
            )
        )
        return None
    positions: dict[Field, int] = {}
    for position, field in enumerate(found):
        if field is None:
            continue
        if field in positions:
            first, second = best.cells[positions[field]], best.cells[position]
            report.problems.append(
                Problem(
                    best.number,
                    str(second),
                    str(second),
                    f"'{first}' and '{second}' both mean the {field.value.lower()}; rename or remove one of them.",
                )
            )
        else:
            positions[field] = position
    _check_enough(positions, report, best)
    unused = [str(cell).strip() for cell, field in zip(best.cells, found, strict=True) if not field]
    if unused := [header for header in unused if header]:
        report.notices.append(f"Columns that were not used: {', '.join(unused)}.")
    headers = {field: str(best.cells[position]).strip() for field, position in positions.items()}
    rows = [row for row in grid[grid.index(best) + 1 :] if not row.is_blank and not _is_header_again(row, best)]
    report.rows = len(rows)
    if not rows:
        report.problems.append(Problem(None, "", "", f"There is nothing below the header in {best.number}."))
    return None if report.problems else Table(rows, positions, headers)


def _check_enough(positions: dict[Field, int], report: Report, header: "Row") -> None:
    if Field.SERIAL_NUMBER not in positions:
        message = "There is no column 'Serial number' (or MSN, S/N); every aircraft needs one."
        report.problems.append(Problem(header.number, Field.SERIAL_NUMBER.value, "", message))
    named = Field.MANUFACTURER in positions and Field.MODEL in positions
    if not named and not positions.keys() & {Field.TYPE, Field.DESIGNATOR, Field.MODEL}:
        message = "There is no column 'Type', and not both 'Manufacturer' and 'Model'; every aircraft needs a type."
        report.problems.append(Problem(header.number, Field.TYPE.value, "", message))


def _is_header_again(row: "Row", header: "Row") -> bool:
    """Paged exports repeat their header."""
    return row.cells == header.cells


def header_score(cells: Sequence[Any]) -> int:
    """How many different known columns a row names; a registration counts most."""
    found = {field_of(cell) for cell in cells} - {None}
    return len(found) + (2 if Field.REGISTRATION in found else 0)


def field_of(cell: Any) -> Field | None:
    if not isinstance(cell, str) or len(cell) > 60:
        return None
    # "Hours (TSN)" is Hours; "A/C Reg." is a c reg.
    plain = re.sub(r"\(.*?\)|\[.*?\]", " ", cell.strip().lower()).replace("'", "")
    plain = re.sub(r"[^\w]+|_", " ", plain).strip()
    return BY_HEADER.get(plain)
