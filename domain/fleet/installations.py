"""Installing and removing components, and what they have flown by it."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text

from db.fleet.aircraft import Aircraft
from db.fleet.components import Component, Installation
from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from domain.context import Ctx
from domain.entities import access, change, unique
from domain.errors import ErrorCode, NotFoundError, UserError, UserErrors, refuse
from domain.fleet.readings import totals_on
from domain.fleet.rules import components as rules
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.utilisation import Amount
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission

PREFIX = "ins"
FIELDS = (
    "component_id",
    "aircraft_id",
    "position",
    "number",
    "installed_on",
    "aircraft_minutes",
    "aircraft_cycles",
    "component_minutes",
    "component_cycles",
)

# What was flown before a day moves the readings of that day. The opening was flown before all of it, whatever its day.
FOLLOW = text("""
UPDATE installations i
SET aircraft_minutes = i.aircraft_minutes + moved.minutes, aircraft_cycles = i.aircraft_cycles + moved.cycles,
    removed_aircraft_minutes = i.removed_aircraft_minutes + moved.removed_minutes,
    removed_aircraft_cycles = i.removed_aircraft_cycles + moved.removed_cycles
FROM installations o CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.minutes) FILTER (WHERE e.kind = 'OPENING' OR e.flown_on < o.installed_on), 0) AS minutes,
        coalesce(sum(e.cycles) FILTER (WHERE e.kind = 'OPENING' OR e.flown_on < o.installed_on), 0) AS cycles,
        coalesce(sum(e.minutes) FILTER (WHERE e.kind = 'OPENING' OR e.flown_on < o.removed_on), 0) AS removed_minutes,
        coalesce(sum(e.cycles) FILTER (WHERE e.kind = 'OPENING' OR e.flown_on < o.removed_on), 0) AS removed_cycles
    FROM utilisation_entries e WHERE e.org_id = o.org_id AND e.id = ANY(:entries)
) moved
WHERE o.org_id = :org AND o.aircraft_id = :aircraft AND i.org_id = o.org_id AND i.id = o.id
    AND (:opens OR greatest(o.installed_on, o.removed_on) > :day)
""")


async def install(
    ctx: Ctx,
    *,
    component_id: UUID,
    aircraft_id: UUID,
    position: str,
    installed_on: date | None = None,
    aircraft_minutes: int | None = None,
    aircraft_cycles: int | None = None,
) -> UUID:
    """Put a component on an aircraft; from the given reading on it flies what the aircraft flies."""
    ctx.check(Permission.COMPONENT_MANAGE)
    refusals = Refusals()
    now_here = await today(ctx)
    day = installed_on or now_here
    aircraft, component = await _both(ctx, refusals, aircraft_id, component_id)
    place = refusals.take(rules.position, position, "position")
    last = await last_of(ctx, component.id)
    if last is not None and last.removed_on is None:
        refusals.errors.append(_installed_already())
    else:
        since, why = component.manufactured_on, "the day it was manufactured"
        if last is not None:
            since, why = last.removed_on, "the day it was last removed"
        if component.overhauled_on is not None and (since is None or component.overhauled_on > since):
            since, why = component.overhauled_on, "the day of its overhaul"
        refusals.take(lambda on: rules.done_on(on, today=now_here, not_before=since, why=why), day, "installedOn")
    if place and (other := await _at(ctx, aircraft_id, place, day)):
        refusals.errors.append(_place_taken(place, aircraft, other))
    reading = await _reading(ctx, refusals, aircraft.id, day, aircraft_minutes, aircraft_cycles)
    refusals.finish()
    assert reading is not None
    life = life_of(component, last)
    made = Installation(
        org_id=ctx.actor.org_id,
        component_id=component.id,
        aircraft_id=aircraft.id,
        position=place,
        number=last.number + 1 if last else 1,
        previous=last.number if last else None,
        previous_removed_on=last.removed_on if last else None,
        installed_on=day,
        aircraft_minutes=reading.minutes,
        aircraft_cycles=reading.cycles,
        component_minutes=life.minutes,
        component_cycles=life.cycles,
    )
    races = {
        "uq_installations_on_aircraft": UserErrors(_installed_already()),
        "uq_installations_place": UserErrors(_place_taken(place or "", aircraft, "another component")),
    }
    async with unique(ctx, **races):
        ctx.session.add(made)
    ctx.record("component.installed", "cmp", component.id, after=snapshot(made, FIELDS))
    ctx.record("installation.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def remove(
    ctx: Ctx,
    *,
    component_id: UUID,
    removed_on: date | None = None,
    aircraft_minutes: int | None = None,
    aircraft_cycles: int | None = None,
    reason: str | None = None,
) -> UUID:
    """Take a component off its aircraft; it keeps the life that it has by then."""
    ctx.check(Permission.COMPONENT_MANAGE)
    refusals = Refusals()
    now_here = await today(ctx)
    day = removed_on or now_here
    if await find(ctx, Component, component_id) is None:
        raise NotFoundError("There is no such component.")
    last = await last_of(ctx, component_id)
    if last is None:
        raise _not_installed()
    aircraft, _ = await _both(ctx, refusals, last.aircraft_id, component_id, for_good=True)
    installed = await access(ctx, Installation, last.id, "installation")
    if installed.removed_on is not None:
        raise _not_installed()
    why = "the day it was installed"
    refusals.take(
        lambda on: rules.done_on(on, today=now_here, not_before=installed.installed_on, why=why), day, "removedOn"
    )
    because = refusals.optional(rules.removal_reason, reason, "reason")
    reading = await _reading(ctx, refusals, aircraft.id, day, aircraft_minutes, aircraft_cycles)
    if reading and (reading.minutes < installed.aircraft_minutes or reading.cycles < installed.aircraft_cycles):
        at = Amount(installed.aircraft_minutes, installed.aircraft_cycles)
        refusals.add(ErrorCode.OUT_OF_RANGE, f"It was installed at {at} already.", "aircraftMinutes")
    refusals.finish()
    assert reading is not None
    before, after = change(
        installed,
        removed_on=day,
        removed_aircraft_minutes=reading.minutes,
        removed_aircraft_cycles=reading.cycles,
        removal_reason=because,
    )
    await ctx.session.flush()
    ctx.record("component.removed", "cmp", component_id, after=after | snapshot(installed, ("aircraft_id", "position")))
    ctx.record("installation.ended", PREFIX, installed.id, before=before, after=after)
    return installed.id


async def last_of(ctx: Ctx, component_id: UUID) -> Installation | None:
    """A component's current or latest installation."""
    return await ctx.session.scalar(
        select(Installation)
        .where(Installation.org_id == ctx.actor.org_id, Installation.component_id == component_id)
        .order_by(Installation.number.desc())
        .limit(1)
    )


def life_of(component: Component, last: Installation | None) -> Amount:
    """A removed component's time and cycles since new."""
    if last is None:
        return Amount(component.opening_minutes, component.opening_cycles)
    assert last.removed_component_minutes is not None
    assert last.removed_component_cycles is not None
    return Amount(last.removed_component_minutes, last.removed_component_cycles)


async def follow(ctx: Ctx, aircraft_id: UUID, entries: Sequence[UtilisationEntry]) -> None:
    """Move the readings of installations with what came late into the aircraft's log. Its row must be locked."""
    if not entries:
        return
    values: dict[str, Any] = {
        "org": ctx.actor.org_id,
        "aircraft": aircraft_id,
        "entries": [entry.id for entry in entries],
        "opens": any(entry.kind == UtilisationKind.OPENING for entry in entries),
        "day": min(entry.flown_on for entry in entries),
    }
    await ctx.session.execute(FOLLOW, values)


async def _both(
    ctx: Ctx, refusals: Refusals, aircraft_id: UUID, component_id: UUID, *, for_good: bool = False
) -> tuple[Aircraft, Component]:
    """Locked, the aircraft first, as everywhere. `for_good` lets a component leave a retired aircraft too."""
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    component = await access(ctx, Component, component_id, "component")
    if not for_good:
        refusals.take(rules.may_carry, aircraft.status, "aircraftId")
    return aircraft, component


async def _reading(
    ctx: Ctx, refusals: Refusals, aircraft_id: UUID, day: date, minutes: int | None, cycles: int | None
) -> Amount | None:
    totals = await totals_on(ctx, aircraft_id, day)
    return refusals.take(lambda stated: rules.reading(stated, cycles, day, totals), minutes, "aircraftMinutes")


async def _at(ctx: Ctx, aircraft_id: UUID, place: str, day: date) -> str | None:
    """The part that was at this place of the aircraft on that day or comes there later."""
    return await ctx.session.scalar(
        select(func.concat(Component.part_number, " ", Component.serial_number))
        .join(Installation, (Installation.org_id == Component.org_id) & (Installation.component_id == Component.id))
        .where(
            Installation.org_id == ctx.actor.org_id,
            Installation.aircraft_id == aircraft_id,
            Installation.position == place,
            or_(Installation.removed_on.is_(None), Installation.removed_on > day),
        )
        .limit(1)
    )


def _installed_already() -> UserError:
    return UserError(ErrorCode.IN_USE, "It is on an aircraft already: remove it there first.", ("input", "componentId"))


def _not_installed() -> UserErrors:
    return refuse(ErrorCode.NOT_ALLOWED, "It is on no aircraft: there is nothing to remove.", "input", "componentId")


def _place_taken(place: str, aircraft: Aircraft, other: str) -> UserError:
    message = f"{other} is at {place} of {aircraft.registration}: remove it first, or give a later day."
    return UserError(ErrorCode.TAKEN, message, ("input", "position"))
