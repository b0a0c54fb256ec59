"""Which aircraft type a row means, and which types an import has to create."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from db.fleet.aircraft_types import AircraftCategory, AircraftType
from domain.errors import UserErrors
from domain.fleet.importing.columns import Field
from domain.fleet.importing.report import Report, RowNumber
from domain.fleet.importing.rows import FleetRow
from domain.fleet.rules import designators


@dataclass
class KnownType:
    """A type of the organization, or (`first_row` is set) one that the import will create."""

    id: UUID
    manufacturer: str
    model: str
    icao_designator: str | None
    category: AircraftCategory | None = None
    engine_count: int | None = None
    first_row: RowNumber | None = None

    @property
    def name(self) -> str:
        return f"{self.manufacturer} {self.model}"

    def is_called(self, text: str) -> bool:
        lower = text.lower()
        return lower in (self.model.lower(), self.name.lower(), (self.icao_designator or "").lower())


def _key(manufacturer: str, model: str) -> tuple[str, str]:
    return manufacturer.lower(), model.lower()


class Types:
    """The organization's types and the ones the file adds."""

    def __init__(self, stored: Iterable[AircraftType], report: Report) -> None:
        self._report = report
        self._by_name = {
            _key(item.manufacturer, item.model): KnownType(item.id, item.manufacturer, item.model, item.icao_designator)
            for item in stored
        }

    @property
    def new(self) -> list[KnownType]:
        return [item for item in self._by_name.values() if item.first_row]

    def resolve(self, rows: list[FleetRow]) -> dict[RowNumber, KnownType]:
        """The type of every row that names one. Those that say most go first: others may mean the types they add."""
        found: dict[RowNumber, KnownType] = {}
        for row in rows:
            if row.type_is_readable and row.manufacturer and row.model:
                found[row.row] = self._by_both_names(row, row.manufacturer, row.model)
        for row in sorted(rows, key=lambda row: row.manufacturer is None):
            if row.type_is_readable and row.row not in found and (known := self._by_text(row)):
                found[row.row] = known
        for item in self.new:
            self._complete(item)
        return found

    def _by_both_names(self, row: FleetRow, manufacturer: str, model: str) -> KnownType:
        known = self._by_name.get(_key(manufacturer, model))
        if known is None:
            known = KnownType(uuid7(), manufacturer, model, None, first_row=row.row)
            self._by_name[_key(manufacturer, model)] = known
        if known.first_row:
            self._describe(known, row)
        return known

    def _describe(self, known: KnownType, row: FleetRow) -> None:
        """Rows of a new type may each say something about it; they must not contradict each other."""
        said = {
            Field.DESIGNATOR: ("icao_designator", row.designator or _as_designator(row.type_text)),
            Field.CATEGORY: ("category", row.category),
            Field.ENGINES: ("engine_count", row.engine_count),
        }
        for field, (name, value) in said.items():
            before = getattr(known, name)
            if value is None or value == before:
                continue
            if before is None:
                setattr(known, name, value)
            elif field is not Field.DESIGNATOR or row.designator:
                self._report.problems.append(
                    row.problem(
                        field,
                        value,
                        f"{value} contradicts an earlier row of the same new type {known.name}, which says {before};"
                        " make them agree.",
                    )
                )

    def _by_text(self, row: FleetRow) -> KnownType | None:
        text = row.model or row.type_text or row.designator
        field = Field.MODEL if row.model else Field.TYPE if row.type_text else Field.DESIGNATOR
        if text is None:
            missing = Field.TYPE if Field.TYPE in row.headers else Field.MODEL
            message = "The aircraft type is missing; fill it in."
            self._report.problems.append(row.problem(missing, "", message))
            return None
        fitting = [
            item
            for item in self._by_name.values()
            if item.is_called(text) and (not row.manufacturer or item.manufacturer.lower() == row.manufacturer.lower())
        ]
        if len(fitting) == 1:
            return fitting[0]
        if not fitting and row.manufacturer and row.type_text:
            return self._by_both_names(row, row.manufacturer, row.type_text)
        if fitting:
            some = ", ".join(sorted(item.name for item in fitting)[:4])
            message = f"'{text}' can mean {some}; give the manufacturer and the model."
        else:
            message = (
                f"There is no aircraft type '{text}'. Give the manufacturer and the model, then it is created, or"
                " create it first."
            )
        self._report.problems.append(row.problem(field, text, message))
        return None

    def _complete(self, item: KnownType) -> None:
        """What the file left open is taken from Doc 8643; what that does not know is told."""
        category, engines = designators.KNOWN.get(item.icao_designator or "", (None, None))
        item.engine_count = engines if item.engine_count is None else item.engine_count
        if item.category is None:
            item.category = category or AircraftCategory.AEROPLANE
            if category is None:
                self._report.assumptions.append(
                    f"The new aircraft type {item.name} is taken to be an AEROPLANE: the file and its ICAO type do not"
                    " say; change the type if it is not."
                )


def _as_designator(text: str | None) -> str | None:
    """A type column often holds the ICAO designator; anything else is a name."""
    if text is None:
        return None
    try:
        return designators.designator(text)
    except UserErrors:
        return None
