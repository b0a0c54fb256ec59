"""Commands on components. What they have flown follows from their installations."""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import select

from db.fleet.components import Component, Installation
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, UserError, UserErrors, refuse
from domain.fleet import installations
from domain.fleet.rules import components as rules
from domain.fleet.rules import texts
from domain.fleet.rules import utilisation as log_rules
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import snapshot, today
from domain.permissions import Permission

PREFIX = "cmp"
FIELDS = (
    "part_number",
    "serial_number",
    "description",
    "manufacturer",
    "manufactured_on",
    "opening_minutes",
    "opening_cycles",
    "overhauled_on",
    "overhaul_minutes",
    "overhaul_cycles",
    "life_limit_minutes",
    "life_limit_cycles",
    "life_limit_months",
)
REQUIRED: dict[str, Any] = {
    "part_number": (rules.part_number, "partNumber"),
    "serial_number": (texts.serial_number, "serialNumber"),
    "description": (rules.description, "description"),
}
OPTIONAL: dict[str, Any] = {
    "manufacturer": (texts.manufacturer, "manufacturer"),
    "opening_minutes": (rules.life_minutes, "minutesSinceNew"),
    "opening_cycles": (rules.life_cycles, "cyclesSinceNew"),
    "life_limit_minutes": (rules.limit_minutes, "lifeLimitMinutes"),
    "life_limit_cycles": (rules.limit_cycles, "lifeLimitCycles"),
    "life_limit_months": (rules.limit_months, "lifeLimitMonths"),
}


@dataclass(frozen=True)
class Overhaul:
    """A component's last overhaul when it comes into the register, and what it had since."""

    on: date
    minutes_since: int
    cycles_since: int


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    part_number: str
    serial_number: str
    description: str
    manufacturer: str | None
    manufactured_on: date | None
    opening_minutes: int
    opening_cycles: int
    life_limit_minutes: int | None
    life_limit_cycles: int | None
    life_limit_months: int | None


async def register(
    ctx: Ctx,
    *,
    part_number: str,
    serial_number: str,
    description: str,
    opening_minutes: int = 0,
    opening_cycles: int = 0,
    overhaul: Overhaul | None = None,
    **optional: Any,
) -> UUID:
    """A component with the life that it has so far; `optional` are manufacturer, manufactured_on and life limits."""
    ctx.check(Permission.COMPONENT_MANAGE)
    refusals = Refusals()
    given = {
        "part_number": part_number,
        "serial_number": serial_number,
        "description": description,
        "opening_minutes": opening_minutes,
        "opening_cycles": opening_cycles,
        **optional,
    }
    now_here = await today(ctx)
    values = _checked(refusals, given, now_here)
    _check_calendar_life(refusals, values.get("life_limit_months"), values.get("manufactured_on"))
    if overhaul is not None:
        values |= _overhauled(refusals, overhaul, values, now_here)
    await _check_twin(ctx, refusals, values["part_number"], values["serial_number"])
    refusals.finish()
    made = Component(org_id=ctx.actor.org_id, **values)
    taken = UserErrors(_taken(made.part_number, made.serial_number))
    async with unique(ctx, uq_components_org_id_part_number_serial_number=taken):
        ctx.session.add(made)
    ctx.record("component.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, component_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    """What it had when it was registered can be corrected until it is installed for the first time."""
    ctx.check(Permission.COMPONENT_MANAGE)
    found = await access(ctx, Component, component_id, "component", expected_version)
    refusals = Refusals()
    values = _checked(refusals, dict(changes), await today(ctx))
    last = await installations.last_of(ctx, found.id)
    opened: dict[str, int | None] = {
        name: values[name] for name in ("opening_minutes", "opening_cycles") if name in values
    }
    if any(getattr(found, name) != value for name, value in opened.items()):
        _check_opening(refusals, found, last, opened)
    months = values.get("life_limit_months", found.life_limit_months)
    _check_calendar_life(refusals, months, values.get("manufactured_on", found.manufactured_on))
    part_number = values.get("part_number", found.part_number)
    serial_number = values.get("serial_number", found.serial_number)
    await _check_twin(ctx, refusals, part_number, serial_number, except_id=found.id)
    refusals.finish()
    taken = UserErrors(_taken(part_number, serial_number))
    async with unique(ctx, uq_components_org_id_part_number_serial_number=taken):
        before, after = change(found, **values)
    if after:
        ctx.record("component.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def overhaul(ctx: Ctx, component_id: UUID, *, on: date, expected_version: int | None = None) -> UUID:
    """Time and cycles since overhaul begin again; those since new go on."""
    ctx.check(Permission.COMPONENT_MANAGE)
    found = await access(ctx, Component, component_id, "component", expected_version)
    last = await installations.last_of(ctx, found.id)
    refusals = Refusals()
    if last is not None and last.removed_on is None:
        text = "It is on an aircraft: remove it first, so that it is clear what it had at the overhaul."
        refusals.add(ErrorCode.NOT_ALLOWED, text, "id")
    since, why = found.manufactured_on, "the day it was manufactured"
    if last is not None and last.removed_on is not None:
        since, why = last.removed_on, "the day it was removed"
    if found.overhauled_on is not None and (since is None or found.overhauled_on > since):
        since, why = found.overhauled_on, "the day of its last overhaul"
    now_here = await today(ctx)
    refusals.take(lambda day: rules.done_on(day, today=now_here, not_before=since, why=why), on, "overhauledOn")
    refusals.finish()
    life = installations.life_of(found, last)
    before, after = change(found, overhauled_on=on, overhaul_minutes=life.minutes, overhaul_cycles=life.cycles)
    if after:
        await ctx.session.flush()
        ctx.record("component.overhauled", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, component_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Only a component entered by mistake goes: one that was never installed."""
    ctx.check(Permission.COMPONENT_MANAGE)
    found = await access(ctx, Component, component_id, "component", expected_version)
    used = refuse(ErrorCode.IN_USE, "It has a history, which is kept.", "id")
    before = snapshot(found, FIELDS)
    async with unreferenced(ctx, used):
        await ctx.session.delete(found)
    ctx.record("component.deleted", PREFIX, component_id, before=before)
    return component_id


def _checked(refusals: Refusals, given: dict[str, Any], today: date) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in REQUIRED:
            rule, path = REQUIRED[name]
            values[name] = refusals.take(rule, value or "", path)
        elif name in OPTIONAL:
            rule, path = OPTIONAL[name]
            values[name] = refusals.optional(rule, value, path)
        else:
            assert name == "manufactured_on", name
            values[name] = refusals.optional(lambda day: log_rules.manufactured_on(day, today), value, "manufacturedOn")
    return values


def _check_calendar_life(refusals: Refusals, months: int | None, manufactured_on: date | None) -> None:
    if months is not None and manufactured_on is None:
        text = "A life limit in months counts from manufacture: say when it was manufactured."
        refusals.add(ErrorCode.REQUIRED, text, "manufacturedOn")


def _check_opening(
    refusals: Refusals, found: Component, last: Installation | None, opened: dict[str, int | None]
) -> None:
    if last is not None:
        text = "It was installed already, and has counted from there on: its life at registration stays."
        refusals.add(ErrorCode.NOT_ALLOWED, text, "minutesSinceNew")
    for unit in ("minutes", "cycles"):
        at_overhaul, value = getattr(found, f"overhaul_{unit}"), opened.get(f"opening_{unit}")
        if at_overhaul is not None and value is not None and value < at_overhaul:
            text = f"It had {at_overhaul} {unit} since new at its overhaul already."
            refusals.add(ErrorCode.OUT_OF_RANGE, text, f"{unit}SinceNew")


def _overhauled(refusals: Refusals, given: Overhaul, values: dict[str, Any], today: date) -> dict[str, Any]:
    made = values.get("manufactured_on")
    why = "the day it was manufactured"
    refusals.take(
        lambda day: rules.done_on(day, today=today, not_before=made, why=why), given.on, "overhaul", "overhauledOn"
    )
    found: dict[str, Any] = {"overhauled_on": given.on}
    for unit, since in (("minutes", given.minutes_since), ("cycles", given.cycles_since)):
        new = values.get(f"opening_{unit}") or 0
        if not 0 <= since <= new:
            text = f"{since} {unit} since overhaul are not between 0 and the {new} since new."
            refusals.add(ErrorCode.OUT_OF_RANGE, text, "overhaul", f"{unit}SinceOverhaul")
        found[f"overhaul_{unit}"] = new - since
    return found


async def _check_twin(
    ctx: Ctx,
    refusals: Refusals,
    part_number: str | None,
    serial_number: str | None,
    *,
    except_id: UUID | None = None,
) -> None:
    if not part_number or not serial_number:
        return
    taken = await ctx.session.scalar(
        select(Component.id).where(
            Component.org_id == ctx.actor.org_id,
            Component.part_number == part_number,
            Component.serial_number == serial_number,
        )
    )
    if taken not in (None, except_id):
        refusals.errors.append(_taken(part_number, serial_number))


def _taken(part_number: str, serial_number: str) -> UserError:
    message = f"There is a component {part_number} with the serial number {serial_number} already."
    return UserError(ErrorCode.TAKEN, message, ("input", "serialNumber"))
