"""What an import has to change, and everything that speaks against it. Reads in a constant number of statements."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from uuid_utils.compat import uuid7

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.fleet.aircraft_types import AircraftType
from db.fleet.utilisation import UtilisationEntry
from domain.context import Ctx
from domain.fleet.importing.columns import Field
from domain.fleet.importing.report import Report, RowNumber
from domain.fleet.importing.rows import FleetRow
from domain.fleet.importing.types import KnownType, Types
from domain.fleet.rules.hours import as_hours

IMPORTED = ("type_id", "serial_number", "status", "manufactured_on", "base_airport")


@dataclass(frozen=True)
class NewAircraft:
    values: dict[str, Any]
    minutes: int
    cycles: int


@dataclass(frozen=True)
class ChangedAircraft:
    """`values` are all imported columns as they shall be; `before` and `after` hold what differs."""

    aircraft: Aircraft
    values: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass
class Plan:
    types: list[KnownType] = field(default_factory=list)
    new: list[NewAircraft] = field(default_factory=list)
    changed: list[ChangedAircraft] = field(default_factory=list)


async def plan(ctx: Ctx, rows: list[FleetRow], report: Report, *, lock: bool) -> Plan:
    """Compare the rows with the fleet; `lock` keeps what is there until the transaction ends."""
    _check_repeats(rows, report)
    types = Types(await _types(ctx), report)
    type_of = types.resolve(rows)
    stored = await _stored(ctx, rows, lock=lock)
    by_registration = {item.registration: item for item in stored}
    result = Plan(types=types.new)
    owners = {(item.type_id, item.serial_number): item.registration for item in stored}
    for item in (by_registration.get(row.registration or "") for row in rows):
        if item is not None:
            # What the file says of this aircraft decides, not what it had before.
            owners.pop((item.type_id, item.serial_number), None)
    mentioned: dict[tuple[UUID, str], FleetRow] = {}
    for row in rows:
        type_id = type_of[row.row].id if row.row in type_of else None
        if row.registration is None or row.serial_number is None or type_id is None:
            continue
        _check_twin(row, type_id, owners, mentioned, report)
        existing = by_registration.get(row.registration)
        if existing is None:
            result.new.append(_new(row, type_id))
        elif _totals_agree(row, existing, report):
            _compare(row, type_id, existing, result, report)
    await _check_manufacture(ctx, result, rows, report)
    report.created = [str(item.values["registration"]) for item in result.new]
    report.updated = [item.aircraft.registration for item in result.changed]
    report.types_created = [item.name for item in result.types]
    return result


def _check_repeats(rows: list[FleetRow], report: Report) -> None:
    first: dict[str, RowNumber] = {}
    for row in rows:
        if row.registration is None:
            continue
        if row.registration in first:
            message = f"{row.registration} is in {first[row.registration]} already; remove one of the two."
            report.problems.append(row.problem(Field.REGISTRATION, row.registration, message))
        else:
            first[row.registration] = row.row


async def _types(ctx: Ctx) -> list[AircraftType]:
    found = await ctx.session.scalars(select(AircraftType).where(AircraftType.org_id == ctx.actor.org_id))
    return list(found.all())


async def _stored(ctx: Ctx, rows: list[FleetRow], *, lock: bool) -> list[Aircraft]:
    """The aircraft with these registrations, and those that have one of the serial numbers."""
    query = select(Aircraft).where(
        Aircraft.org_id == ctx.actor.org_id,
        or_(
            Aircraft.registration == func.any([row.registration for row in rows if row.registration]),
            Aircraft.serial_number == func.any([row.serial_number for row in rows if row.serial_number]),
        ),
    )
    if lock:
        query = query.order_by(Aircraft.id).with_for_update().execution_options(populate_existing=True)
    return list((await ctx.session.scalars(query)).all())


def _check_twin(
    row: FleetRow,
    type_id: UUID,
    owners: dict[tuple[UUID, str], str],
    mentioned: dict[tuple[UUID, str], FleetRow],
    report: Report,
) -> None:
    assert row.serial_number is not None
    key = (type_id, row.serial_number)
    if owner := owners.get(key):
        message = (
            f"{owner} of the same type has this serial number. If it was registered anew, change the registration of"
            f" {owner} first."
        )
        report.problems.append(row.problem(Field.SERIAL_NUMBER, row.serial_number, message))
    twin = mentioned.setdefault(key, row)
    if twin is not row and twin.registration != row.registration:
        message = f"{twin.registration} in {twin.row} is of the same type and has the same serial number; correct one."
        report.problems.append(row.problem(Field.SERIAL_NUMBER, row.serial_number, message))


def _new(row: FleetRow, type_id: UUID) -> NewAircraft:
    values = {
        "id": uuid7(),
        "registration": row.registration,
        "type_id": type_id,
        "serial_number": row.serial_number,
        "status": (row.status or AircraftStatus.ACTIVE).value,
        "manufactured_on": row.manufactured_on,
        "base_airport": row.base_airport,
    }
    return NewAircraft(values, row.minutes or 0, row.cycles or 0)


def _totals_agree(row: FleetRow, existing: Aircraft, report: Report) -> bool:
    todo = "record the utilisation since then, or correct the wrong entry"
    before = len(report.problems)
    if row.minutes is not None and row.minutes != existing.total_minutes:
        file, log = as_hours(row.minutes), as_hours(existing.total_minutes)
        message = f"{row.registration} has {log} hours in its utilisation log, the file says {file}; {todo}."
        report.problems.append(row.problem(Field.HOURS, file, message))
    if row.cycles is not None and row.cycles != existing.total_cycles:
        message = (
            f"{row.registration} has {existing.total_cycles} cycles in its utilisation log, the file says"
            f" {row.cycles}; {todo}."
        )
        report.problems.append(row.problem(Field.CYCLES, row.cycles, message))
    return len(report.problems) == before


def _compare(row: FleetRow, type_id: UUID, existing: Aircraft, result: Plan, report: Report) -> None:
    """A blank cell, or a column that is not there, leaves what the aircraft has."""
    said = {
        "type_id": type_id,
        "serial_number": row.serial_number,
        "status": row.status.value if row.status else None,
        "manufactured_on": row.manufactured_on,
        "base_airport": row.base_airport,
    }
    values = {name: getattr(existing, name) for name in IMPORTED}
    after = {name: value for name, value in said.items() if value is not None and value != values[name]}
    if not after:
        report.unchanged += 1
        return
    before = {name: values[name] for name in after}
    result.changed.append(ChangedAircraft(existing, values | after, before, after))


async def _check_manufacture(ctx: Ctx, result: Plan, rows: list[FleetRow], report: Report) -> None:
    """A new date of manufacture may not lie after the first recorded utilisation."""
    dated = {item.aircraft.id: item for item in result.changed if "manufactured_on" in item.after}
    if not dated:
        return
    found = await ctx.session.execute(
        select(UtilisationEntry.aircraft_id, func.min(UtilisationEntry.flown_on))
        .where(
            UtilisationEntry.org_id == ctx.actor.org_id,
            UtilisationEntry.aircraft_id == func.any(list(dated)),
        )
        .group_by(UtilisationEntry.aircraft_id)
    )
    by_registration = {row.registration: row for row in rows}
    for aircraft_id, first in found:
        day = dated[aircraft_id].after["manufactured_on"]
        if first < day:
            row = by_registration[dated[aircraft_id].aircraft.registration]
            message = f"{day} is after the aircraft's first recorded utilisation ({first}); check the date."
            report.problems.append(row.problem(Field.MANUFACTURED, day, message))
