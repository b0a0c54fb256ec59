"""Commands on aircraft types."""

from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import func, select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftCategory, AircraftType
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, UserError, UserErrors, refuse
from domain.fleet.rules import designators, texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import snapshot
from domain.permissions import Permission

PREFIX = "at"
OTHERS = "Something names this type still, as an aircraft, an authorisation or a log of experience, so it is kept."
FIELDS = ("manufacturer", "model", "icao_designator", "type_certificate_holder", "engine_count", "category")


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    manufacturer: str
    model: str
    icao_designator: str | None
    type_certificate_holder: str | None
    engine_count: int | None
    category: AircraftCategory


async def create(
    ctx: Ctx,
    *,
    manufacturer: str,
    model: str,
    category: AircraftCategory,
    icao_designator: str | None = None,
    type_certificate_holder: str | None = None,
    engine_count: int | None = None,
) -> UUID:
    ctx.check(Permission.FLEET_MANAGE)
    refusals = Refusals()
    values = _checked(
        refusals,
        {
            "manufacturer": manufacturer,
            "model": model,
            "category": category,
            "icao_designator": icao_designator,
            "type_certificate_holder": type_certificate_holder,
            "engine_count": engine_count,
        },
    )
    await _check_name(ctx, refusals, values["manufacturer"], values["model"])
    refusals.finish()
    made = AircraftType(org_id=ctx.actor.org_id, **values)
    async with unique(ctx, uq_aircraft_types_name=UserErrors(_taken(made.manufacturer, made.model))):
        ctx.session.add(made)
    ctx.record("aircraft_type.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, type_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.FLEET_MANAGE)
    found = await access(ctx, AircraftType, type_id, "aircraft type", expected_version)
    refusals = Refusals()
    values = _checked(refusals, dict(changes))
    await _check_name(
        ctx,
        refusals,
        values.get("manufacturer", found.manufacturer),
        values.get("model", found.model),
        except_id=found.id,
    )
    refusals.finish()
    async with unique(
        ctx,
        uq_aircraft_types_name=UserErrors(
            _taken(values.get("manufacturer", found.manufacturer), values.get("model", found.model))
        ),
    ):
        before, after = change(found, **values)
    if after:
        ctx.record("aircraft_type.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, type_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Refused while an aircraft is of this type, or anything else names it."""
    ctx.check(Permission.FLEET_MANAGE)
    found = await access(ctx, AircraftType, type_id, "aircraft type", expected_version)
    count = await ctx.session.scalar(
        select(func.count()).where(Aircraft.org_id == ctx.actor.org_id, Aircraft.type_id == found.id)
    )
    if count:
        some = "1 aircraft is" if count == 1 else f"{count} aircraft are"
        raise _in_use(f"{some} of this type")
    before = snapshot(found, FIELDS)
    async with unreferenced(ctx, refuse(ErrorCode.IN_USE, OTHERS, "id")):
        await ctx.session.delete(found)
    ctx.record("aircraft_type.deleted", PREFIX, type_id, before=before)
    return type_id


def _in_use(why: str) -> UserErrors:
    message = f"{why}; give those aircraft another type or delete them first."
    return refuse(ErrorCode.IN_USE, message, "id")


def _checked(refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    rules: dict[str, Any] = {"manufacturer": texts.manufacturer, "model": texts.model}
    optional: dict[str, Any] = {
        "icao_designator": designators.designator,
        "type_certificate_holder": texts.type_certificate_holder,
        "engine_count": designators.engine_count,
    }
    values: dict[str, Any] = {}
    paths = {"icao_designator": "icaoDesignator", "engine_count": "engineCount"}
    paths["type_certificate_holder"] = "typeCertificateHolder"
    for name, value in given.items():
        path = paths.get(name, name)
        if name in rules:
            values[name] = refusals.take(rules[name], value or "", path)
        elif name in optional:
            values[name] = refusals.optional(optional[name], value, path)
        else:
            values[name] = value
    return values


async def _check_name(
    ctx: Ctx,
    refusals: Refusals,
    manufacturer: str | None,
    model: str | None,
    *,
    except_id: UUID | None = None,
) -> None:
    if not manufacturer or not model:
        return
    taken = await ctx.session.scalar(
        select(AircraftType.id).where(
            AircraftType.org_id == ctx.actor.org_id,
            func.lower(AircraftType.manufacturer) == manufacturer.lower(),
            func.lower(AircraftType.model) == model.lower(),
        )
    )
    if taken not in (None, except_id):
        error = _taken(manufacturer, model)
        refusals.errors.append(error)


def _taken(manufacturer: str, model: str) -> UserError:
    return UserError(ErrorCode.TAKEN, f"There is an aircraft type {manufacturer} {model} already.", ("input", "model"))
