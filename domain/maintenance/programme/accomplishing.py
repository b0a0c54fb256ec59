"""Tasks that were done, and what they are due from next."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.fleet.components import Component, Installation
from db.maintenance.programme import Accomplishment, AircraftProgramme, ProgrammeTask, Rebasing
from domain.context import Ctx
from domain.entities import access, as_json
from domain.errors import ErrorCode, NotFoundError
from domain.fleet.rules import texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.utilisation import Amount
from domain.fleet.support import find, snapshot
from domain.maintenance.rules.intervals import Due, Limits, Reading, Tolerance, first_step, next_due, rebased
from domain.maintenance.support import check_order, latest, reading_on, revoke, supersede
from domain.permissions import Permission

PREFIX = "acc"
FIELDS = (
    "aircraft_id",
    "task_id",
    "component_id",
    "performed_on",
    "minutes",
    "cycles",
    "component_minutes",
    "component_cycles",
    "basis_minutes",
    "basis_cycles",
    "basis_on",
    "task_card_id",
    "note",
)


async def record(ctx: Ctx, *, note: str | None = None, **values: Any) -> UUID:
    """As `accomplish`, by somebody who keeps the records."""
    ctx.check(Permission.ACCOMPLISHMENT_RECORD)
    return await accomplish(ctx, note=note, **values)


async def accomplish(
    ctx: Ctx,
    *,
    aircraft_id: UUID,
    task_id: UUID,
    component_id: UUID | None = None,
    on: date,
    minutes: int | None = None,
    cycles: int | None = None,
    task_card_id: UUID | None = None,
    note: str | None = None,
) -> UUID:
    """A task was done on an aircraft, or on a component of it. `minutes` and `cycles` are the aircraft's, those at the
    end of that day unless given. Who may say so is for the caller to check."""
    refusals = Refusals()
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    task = await find(ctx, ProgrammeTask, task_id)
    if task is None:
        raise NotFoundError("There is no such programme task.")
    since = await _since(ctx, refusals, aircraft, task)
    reading = await reading_on(ctx, refusals, aircraft, on, minutes, cycles)
    installed, component = await _component(ctx, refusals, aircraft, task, component_id, on)
    text = refusals.optional(texts.note, note, "note")
    about = {"task_id": task.id, "component_id": component.id if component else None}
    if component is None:
        about["aircraft_id"] = aircraft.id
    previous = await latest(ctx, Accomplishment, **about)
    check_order(refusals, previous, on, reading if installed is None else None)
    refusals.finish()
    assert reading is not None
    life = _life(reading, installed)
    done = Reading(life.minutes, life.cycles, on)
    born = component.manufactured_on if component else aircraft.manufactured_on
    due = _due(task, previous, born or (installed.installed_on if installed else since))
    tolerance = Tolerance(task.tolerance_minutes, task.tolerance_cycles, task.tolerance_days)
    basis = rebased(Rebasing(task.rebasing), done, due, tolerance)
    await supersede(ctx, previous)
    made = Accomplishment(
        org_id=ctx.actor.org_id,
        aircraft_id=aircraft.id,
        task_id=task.id,
        component_id=component.id if component else None,
        performed_on=on,
        minutes=reading.minutes,
        cycles=reading.cycles,
        component_minutes=life.minutes if component else None,
        component_cycles=life.cycles if component else None,
        basis_minutes=basis.minutes,
        basis_cycles=basis.cycles,
        basis_on=basis.on,
        task_card_id=task_card_id,
        recorder_id=ctx.actor.user_id,
        note=text,
    )
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("accomplishment.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def take_back(ctx: Ctx, accomplishment_id: UUID, *, reason: str) -> UUID:
    """A task was not done after all, or not as recorded: the time before counts again."""
    ctx.check(Permission.ACCOMPLISHMENT_RECORD)
    found = await find(ctx, Accomplishment, accomplishment_id)
    if found is None:
        raise NotFoundError("There is no such accomplishment.")
    await access(ctx, Aircraft, found.aircraft_id, "aircraft")
    found = await access(ctx, Accomplishment, accomplishment_id, "accomplishment")
    about: dict[str, UUID | None] = {"task_id": found.task_id, "component_id": found.component_id}
    if found.component_id is None:
        about["aircraft_id"] = found.aircraft_id
    text = await revoke(ctx, Accomplishment, found, reason, **about)
    after = {"revoked_at": as_json(ctx.now), "revocation": text}
    ctx.record("accomplishment.revoked", PREFIX, found.id, after=after)
    return found.id


async def _since(ctx: Ctx, refusals: Refusals, aircraft: Aircraft, task: ProgrammeTask) -> date:
    """Since when the aircraft follows the task's programme."""
    since = await ctx.session.scalar(
        select(AircraftProgramme.since).where(
            AircraftProgramme.org_id == ctx.actor.org_id,
            AircraftProgramme.aircraft_id == aircraft.id,
            AircraftProgramme.programme_id == task.programme_id,
        )
    )
    if since is None:
        text = f"{aircraft.registration} does not follow the programme that {task.code} belongs to."
        refusals.add(ErrorCode.INVALID, text, "taskId")
    return since or date.max


async def _component(
    ctx: Ctx, refusals: Refusals, aircraft: Aircraft, task: ProgrammeTask, component_id: UUID | None, on: date
) -> tuple[Installation | None, Component | None]:
    """The component that a task was done on, locked, and its installation at the time."""
    if component_id is None:
        if task.part_number is not None:
            text = f"{task.code} is done on components {task.part_number}: say on which."
            refusals.add(ErrorCode.REQUIRED, text, "componentId")
        return None, None
    component = await access(ctx, Component, component_id, "component")
    if component.part_number != task.part_number:
        wanted = f"components {task.part_number}" if task.part_number else "the aircraft itself"
        refusals.add(ErrorCode.INVALID, f"{task.code} is done on {wanted}.", "componentId")
    installed = await ctx.session.scalar(
        select(Installation)
        .where(
            Installation.org_id == ctx.actor.org_id,
            Installation.component_id == component.id,
            Installation.aircraft_id == aircraft.id,
            Installation.installed_on <= on,
        )
        .order_by(Installation.number.desc())
        .limit(1)
    )
    if installed is None or (installed.removed_on is not None and installed.removed_on < on):
        name = f"{component.part_number} {component.serial_number}"
        refusals.add(ErrorCode.INVALID, f"{name} was not on {aircraft.registration} on {on}.", "componentId")
    return installed, component


def _life(reading: Amount, installed: Installation | None) -> Amount:
    """What the task counts by: the aircraft's reading, or the component's own life at it."""
    if installed is None:
        return reading
    flown = reading - Amount(installed.aircraft_minutes, installed.aircraft_cycles)
    most = flown
    if installed.removed_aircraft_minutes is not None and installed.removed_aircraft_cycles is not None:
        end = Amount(installed.removed_aircraft_minutes, installed.removed_aircraft_cycles)
        most = end - Amount(installed.aircraft_minutes, installed.aircraft_cycles)
    # On the day of its installation or removal the aircraft flew without it as well.
    added = Amount(max(0, min(flown.minutes, most.minutes)), max(0, min(flown.cycles, most.cycles)))
    return Amount(installed.component_minutes, installed.component_cycles) + added


def _due(task: ProgrammeTask, previous: Accomplishment | None, born: date) -> Due:
    """What the task was due at when it was done; for the first time it counts from new."""
    interval = limits(task, "interval")
    if previous is not None:
        basis = Reading(previous.basis_minutes, previous.basis_cycles, previous.basis_on)
        return next_due(basis, interval)
    return next_due(Reading(0, 0, born), first_step(limits(task, "threshold"), interval))


def limits(holder: Any, kind: str) -> Limits:
    """The columns `<kind>_<unit>` of a task or a directive."""
    return Limits(*(getattr(holder, f"{kind}_{unit}", None) for unit in ("minutes", "cycles", "days", "months")))
