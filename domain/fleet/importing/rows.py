"""From cells to values: every cell that cannot be read is a problem with its row and column."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from db.fleet.aircraft import AircraftStatus
from db.fleet.aircraft_types import AircraftCategory
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.importing.columns import Field, Table
from domain.fleet.importing.reading import Cell, Row
from domain.fleet.importing.report import Problem, Progress, Report, RowNumber
from domain.fleet.rules import dates, designators, hours, registrations, texts
from domain.fleet.rules import utilisation as rules
from domain.fleet.rules.dates import DateOrder

NOTHING = {"-", "--", "n/a", "#n/a", "nil", "null", "none", "unknown", "tbd"}
FORMULA_TEXT = re.compile(r'="(.*)"')

STATUSES: dict[AircraftStatus, str] = {
    AircraftStatus.ACTIVE: "active|in service|in operation|operational|serviceable|airworthy|flying|aktiv",
    AircraftStatus.MAINTENANCE: (
        "maintenance|in maintenance|under maintenance|mx|mro|in check|grounded|aog|unserviceable|in hangar|wartung"
    ),
    AircraftStatus.STORED: "stored|storage|in storage|parked|long term parking|preservation|preserved",
    AircraftStatus.RETIRED: "retired|scrapped|written off|w o|wfu|withdrawn from use|withdrawn|broken up",
}
BY_STATUS = {word: status for status, words in STATUSES.items() for word in words.split("|")}
CATEGORIES: dict[AircraftCategory, str] = {
    AircraftCategory.AEROPLANE: "aeroplane|airplane|fixed wing|landplane|seaplane|amphibian|plane",
    AircraftCategory.HELICOPTER: "helicopter|rotorcraft|rotary wing|rotary",
    AircraftCategory.GYROPLANE: "gyroplane|gyrocopter|autogyro",
    AircraftCategory.POWERED_LIFT: "powered lift|tiltrotor|tilt rotor|vtol",
    AircraftCategory.GLIDER: "glider|sailplane",
    AircraftCategory.AIRSHIP: "airship|blimp",
    AircraftCategory.BALLOON: "balloon",
}
BY_CATEGORY = {word: category for category, words in CATEGORIES.items() for word in words.split("|")}


@dataclass
class FleetRow:
    """What one row says. None: the cell is blank, or bad and in the problems."""

    row: RowNumber
    headers: dict[Field, str]
    registration: str | None
    serial_number: str | None
    type_text: str | None
    manufacturer: str | None
    model: str | None
    designator: str | None
    category: AircraftCategory | None
    engine_count: int | None
    minutes: int | None
    cycles: int | None
    manufactured_on: date | None
    status: AircraftStatus | None
    base_airport: str | None
    # Whether the cells that name the type were readable, so that a bad one is not reported twice.
    type_is_readable: bool = True

    def problem(self, field: Field, value: object, message: str) -> Problem:
        return Problem(self.row, self.headers.get(field, field.value), str(value), message)


class _Cells:
    """One row's cells by field, and where their problems go."""

    def __init__(self, row: Row, table: Table, report: Report) -> None:
        self._row, self._table, self._report = row, table, report
        self.bad: set[Field] = set()

    def value(self, field: Field) -> Cell | None:
        """The cell; None when there is none or it says nothing."""
        position = self._table.positions.get(field)
        if position is None or position >= len(self._row.cells):
            return None
        cell = self._row.cells[position]
        if not isinstance(cell, str):
            return cell
        plain = cell.replace("\u00a0", " ").strip()
        if match := FORMULA_TEXT.fullmatch(plain):
            plain = match[1].strip()
        return None if not plain or plain.lower() in NOTHING else plain

    def read(self, field: Field, rule: Callable[[Any], Any], *, required: bool = False) -> Any:
        value = self.value(field)
        if value is None:
            if required:
                self.refuse(field, "", f"The {field.value.lower()} is missing; fill it in.")
            return None
        try:
            return rule(value)
        except UserErrors as refused:
            for error in refused.errors:
                self.refuse(field, _shown(value), error.message)
            return None

    def refuse(self, field: Field, value: str, message: str) -> None:
        self.bad.add(field)
        header = self._table.headers.get(field, field.value)
        self._report.problems.append(Problem(self._row.number, header, value, message))


def parse_rows(
    table: Table,
    report: Report,
    progress: Progress,
    *,
    today: date,
    date_order: DateOrder | None,
) -> list[FleetRow]:
    """All rows, also those with problems, so that what is wrong between rows can be told as well."""
    total = len(table.rows)
    parsed = []
    for done, row in enumerate(table.rows):
        if done % 200 == 0:
            progress("Reading rows", done, total)
        parsed.append(_parse(row, table, report, today, date_order))
    progress("Reading rows", total, total)
    return parsed


def _parse(row: Row, table: Table, report: Report, today: date, order: DateOrder | None) -> FleetRow:
    cells = _Cells(row, table, report)

    def made_on(cell: Any) -> date:
        return rules.manufactured_on(dates.parsed(cell, order), today)

    return FleetRow(
        row=row.number,
        headers=table.headers,
        registration=cells.read(Field.REGISTRATION, _text_of(registrations.registration), required=True),
        serial_number=cells.read(Field.SERIAL_NUMBER, _text_of(texts.serial_number), required=True),
        type_text=cells.read(Field.TYPE, _text_of(texts.model)),
        manufacturer=cells.read(Field.MANUFACTURER, _text_of(texts.manufacturer)),
        model=cells.read(Field.MODEL, _text_of(texts.model)),
        designator=cells.read(Field.DESIGNATOR, _text_of(designators.designator)),
        category=cells.read(Field.CATEGORY, _text_of(_category)),
        engine_count=cells.read(Field.ENGINES, _engines),
        minutes=cells.read(Field.HOURS, _number(hours.minutes)),
        cycles=cells.read(Field.CYCLES, _number(hours.cycles)),
        manufactured_on=cells.read(Field.MANUFACTURED, made_on),
        status=cells.read(Field.STATUS, _text_of(_status)),
        base_airport=cells.read(Field.BASE, _text_of(designators.location)),
        type_is_readable=not cells.bad & {Field.TYPE, Field.MANUFACTURER, Field.MODEL, Field.DESIGNATOR},
    )


def _shown(value: Cell) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _text_of(rule: Callable[[str], Any]) -> Callable[[Cell], Any]:
    """A rule for text, also from a number cell (a serial number 4321 is one); a spreadsheet's date is refused."""

    def read(cell: Cell) -> Any:
        if isinstance(cell, date | time | timedelta):
            raise refuse(
                ErrorCode.INVALID,
                f"The spreadsheet made a date or time of this ({cell}); format the cell as text and type it again.",
            )
        return rule(_shown(cell))

    return read


def _number(rule: Callable[[Any], int]) -> Callable[[Cell], int]:
    def read(cell: Cell) -> int:
        if isinstance(cell, bool | date):
            raise refuse(ErrorCode.INVALID, f"'{cell}' is no number; check the cell's format.")
        return rule(cell)

    return read


def _engines(cell: Cell) -> int:
    return designators.engine_count(_number(hours.cycles)(cell))


def _words(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower()).strip()


def _status(text: str) -> AircraftStatus:
    found = BY_STATUS.get(_words(text))
    if found is None:
        possible = ", ".join(AircraftStatus)
        raise refuse(ErrorCode.INVALID, f"'{text[:40]}' is no status; use one of {possible}.")
    return found


def _category(text: str) -> AircraftCategory:
    found = BY_CATEGORY.get(_words(text))
    if found is None:
        possible = ", ".join(AircraftCategory)
        raise refuse(ErrorCode.INVALID, f"'{text[:40]}' is no category; use one of {possible}.")
    return found
