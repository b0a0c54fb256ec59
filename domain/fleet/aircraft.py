"""Commands on aircraft. Totals are not set here: they are the sum of the utilisation log."""

from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.fleet.aircraft_types import AircraftType
from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from domain import entities
from domain.context import Ctx
from domain.entities import change, unique, unreferenced
from domain.errors import ErrorCode, NotFoundError, UserError, UserErrors, refuse
from domain.fleet import utilisation
from domain.fleet.rules import designators, registrations, texts
from domain.fleet.rules import utilisation as rules
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission

PREFIX = "ac"
FIELDS = ("registration", "type_id", "serial_number", "status", "manufactured_on", "base_airport")
TOTALS = ("total_minutes", "total_cycles")


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    registration: str
    type_id: UUID
    serial_number: str
    manufactured_on: date | None
    base_airport: str | None


async def create(
    ctx: Ctx,
    *,
    registration: str,
    type_id: UUID,
    serial_number: str,
    status: AircraftStatus = AircraftStatus.ACTIVE,
    manufactured_on: date | None = None,
    base_airport: str | None = None,
    opening: utilisation.Opening | None = None,
) -> UUID:
    """`opening` is what the aircraft had flown before it came into the log; it becomes the log's first entry."""
    ctx.check(Permission.FLEET_MANAGE)
    refusals = Refusals()
    now_here = await today(ctx)
    given = {
        "registration": registration,
        "type_id": type_id,
        "serial_number": serial_number,
        "manufactured_on": manufactured_on,
        "base_airport": base_airport,
    }
    values = _checked(refusals, given, now_here)
    await _check_against_fleet(ctx, refusals, values)
    if opening is not None:
        utilisation.check_opening(refusals, opening, today=now_here, manufactured=values["manufactured_on"])
    refusals.finish()
    made = Aircraft(org_id=ctx.actor.org_id, status=status, **values)
    async with unique(ctx, **_races(made.registration, made.serial_number)):
        ctx.session.add(made)
    ctx.record("aircraft.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    if opening is not None and not opening.is_empty:
        await utilisation.open_log(ctx, made, opening, today=now_here)
    return made.id


async def update(ctx: Ctx, aircraft_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.FLEET_MANAGE)
    found = await entities.access(ctx, Aircraft, aircraft_id, "aircraft", expected_version)
    refusals = Refusals()
    values = _checked(refusals, dict(changes), await today(ctx))
    await _check_against_fleet(ctx, refusals, values, existing=found)
    await _check_manufacture_against_log(ctx, refusals, found, values.get("manufactured_on"))
    refusals.finish()
    registration = values.get("registration", found.registration)
    async with unique(ctx, **_races(registration, values.get("serial_number", found.serial_number))):
        before, after = change(found, **values)
    if after:
        ctx.record("aircraft.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def set_status(
    ctx: Ctx, aircraft_id: UUID, *, status: AircraftStatus, expected_version: int | None = None
) -> UUID:
    ctx.check(Permission.FLEET_MANAGE)
    found = await entities.access(ctx, Aircraft, aircraft_id, "aircraft", expected_version)
    before, after = change(found, status=status.value)
    if after:
        await ctx.session.flush()
        ctx.record("aircraft.status_changed", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, aircraft_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Only an aircraft entered by mistake goes: one whose log has nothing but its opening entry."""
    ctx.check(Permission.FLEET_MANAGE)
    found = await entities.access(ctx, Aircraft, aircraft_id, "aircraft", expected_version)
    flown = await ctx.session.scalar(
        select(UtilisationEntry.id)
        .where(
            UtilisationEntry.org_id == ctx.actor.org_id,
            UtilisationEntry.aircraft_id == found.id,
            UtilisationEntry.kind != UtilisationKind.OPENING,
        )
        .limit(1)
    )
    if flown is not None:
        raise refuse(
            ErrorCode.IN_USE,
            f"{found.registration} has recorded utilisation, which is kept; set its status to RETIRED instead.",
            "id",
        )
    before = snapshot(found, FIELDS + TOTALS)
    used = refuse(
        ErrorCode.IN_USE,
        f"{found.registration} has a maintenance history, which is kept; set its status to RETIRED instead.",
        "id",
    )
    async with unreferenced(ctx, used):
        await ctx.session.delete(found)
    ctx.record("aircraft.deleted", PREFIX, aircraft_id, before=before)
    return aircraft_id


async def access(ctx: Ctx, aircraft_id: UUID) -> None:
    """Raises NotFoundError unless the actor may follow this aircraft."""
    ctx.check(Permission.FLEET_READ)
    if await find(ctx, Aircraft, aircraft_id) is None:
        raise NotFoundError("There is no aircraft with this id in the organization.")


def _checked(refusals: Refusals, given: dict[str, Any], today: date) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    if "registration" in given:
        values["registration"] = refusals.take(registrations.registration, given["registration"] or "", "registration")
    if "serial_number" in given:
        values["serial_number"] = refusals.take(texts.serial_number, given["serial_number"] or "", "serialNumber")
    if "base_airport" in given:
        values["base_airport"] = refusals.optional(designators.location, given["base_airport"], "baseAirport")
    if "manufactured_on" in given:
        values["manufactured_on"] = refusals.optional(
            lambda day: rules.manufactured_on(day, today), given["manufactured_on"], "manufacturedOn"
        )
    return values


async def _check_against_fleet(
    ctx: Ctx, refusals: Refusals, values: dict[str, Any], *, existing: Aircraft | None = None
) -> None:
    """The type exists, and no other aircraft has the registration, or the type and serial number."""
    own = existing.id if existing else None
    if "type_id" in values and (values["type_id"] is None or await find(ctx, AircraftType, values["type_id"]) is None):
        refusals.add(ErrorCode.NOT_FOUND, "There is no aircraft type with this id.", "typeId")
    if registration := values.get("registration"):
        taken = await ctx.session.scalar(
            select(Aircraft.id).where(Aircraft.org_id == ctx.actor.org_id, Aircraft.registration == registration)
        )
        if taken not in (None, own):
            refusals.errors.append(_registration_taken(registration))
    type_id = values.get("type_id") or (existing and existing.type_id)
    serial_number = values.get("serial_number") or (existing and existing.serial_number)
    if type_id and serial_number:
        twin = (
            await ctx.session.execute(
                select(Aircraft.id, Aircraft.registration).where(
                    Aircraft.org_id == ctx.actor.org_id,
                    Aircraft.type_id == type_id,
                    Aircraft.serial_number == serial_number,
                )
            )
        ).one_or_none()
        if twin is not None and twin.id != own:
            refusals.errors.append(_serial_number_taken(serial_number, twin.registration))


async def _check_manufacture_against_log(
    ctx: Ctx, refusals: Refusals, found: Aircraft, manufactured: date | None
) -> None:
    if manufactured is None:
        return
    first = await ctx.session.scalar(
        select(UtilisationEntry.flown_on)
        .where(UtilisationEntry.org_id == ctx.actor.org_id, UtilisationEntry.aircraft_id == found.id)
        .order_by(UtilisationEntry.flown_on)
        .limit(1)
    )
    if first is not None and first < manufactured:
        refusals.add(
            ErrorCode.OUT_OF_RANGE,
            f"{manufactured} is after the first recorded utilisation ({first}).",
            "manufacturedOn",
        )


def _registration_taken(registration: str) -> UserError:
    message = f"There is an aircraft {registration} in the organization already."
    return UserError(ErrorCode.TAKEN, message, ("input", "registration"))


def _serial_number_taken(serial_number: str, registration: str) -> UserError:
    message = f"The serial number {serial_number} of this type belongs to {registration} already."
    return UserError(ErrorCode.TAKEN, message, ("input", "serialNumber"))


def _races(registration: str, serial_number: str) -> dict[str, UserErrors]:
    """What `_check_against_fleet` would have said, had it seen the other transaction."""
    return {
        "uq_aircraft_org_id_registration": UserErrors(_registration_taken(registration)),
        "uq_aircraft_org_id_type_id_serial_number": UserErrors(_serial_number_taken(serial_number, "another aircraft")),
        "fk_aircraft_org_id_type_id": refuse(
            ErrorCode.NOT_FOUND, "There is no aircraft type with this id.", "input", "typeId"
        ),
    }
