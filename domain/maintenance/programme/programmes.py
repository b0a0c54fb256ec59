"""Commands on maintenance programmes, and which aircraft follow them."""

from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import func, select

from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.maintenance.programme import AircraftProgramme, Programme, ProgrammeTask
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, NotFoundError, UserErrors, refuse
from domain.fleet.rules import components as dates
from domain.fleet.rules import texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission

PREFIX = "mp"
FIELDS = ("name", "type_id", "revision", "approval", "approved_on")
FOLLOWS = ("aircraft_id", "programme_id", "since")

_name = texts.named("The name", 100)
_revision = texts.named("The revision", 50)
_approval = texts.named("The approval", 200)


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    name: str
    revision: str | None
    approval: str | None
    approved_on: date | None


async def create(ctx: Ctx, *, name: str, type_id: UUID, **optional: Any) -> UUID:
    """`optional` are revision, approval and approved_on."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    refusals = Refusals()
    values = _checked(refusals, {"name": name, **optional}, await today(ctx))
    if await find(ctx, AircraftType, type_id) is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no aircraft type with this id.", "typeId")
    refusals.finish()
    made = Programme(org_id=ctx.actor.org_id, type_id=type_id, **values)
    async with unique(ctx, uq_programmes_org_id_name=_taken(made.name)):
        ctx.session.add(made)
    ctx.record("programme.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, programme_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.PROGRAMME_MANAGE)
    found = await access(ctx, Programme, programme_id, "programme", expected_version)
    refusals = Refusals()
    values = _checked(refusals, dict(changes), await today(ctx))
    refusals.finish()
    async with unique(ctx, uq_programmes_org_id_name=_taken(values.get("name", found.name))):
        before, after = change(found, **values)
    if after:
        ctx.record("programme.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, programme_id: UUID, *, expected_version: int | None = None) -> UUID:
    """With its tasks, of which none was ever done, and while no aircraft follows it."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    found = await access(ctx, Programme, programme_id, "programme", expected_version)
    followed = await ctx.session.scalar(
        select(func.count()).where(
            AircraftProgramme.org_id == ctx.actor.org_id, AircraftProgramme.programme_id == found.id
        )
    )
    if followed:
        some = "1 aircraft follows" if followed == 1 else f"{followed} aircraft follow"
        raise refuse(ErrorCode.IN_USE, f"{some} it: let them follow another programme first.", "id")
    done = refuse(ErrorCode.IN_USE, "Tasks of it were done, or are planned; withdraw its tasks instead.", "id")
    tasks = select(ProgrammeTask).where(
        ProgrammeTask.org_id == ctx.actor.org_id, ProgrammeTask.programme_id == found.id
    )
    for task in (await ctx.session.scalars(tasks)).all():
        ctx.record("programme_task.deleted", "mt", task.id, before={"code": task.code, "title": task.title})
    before = snapshot(found, FIELDS)
    async with unreferenced(ctx, done):
        await ctx.session.delete(found)
    ctx.record("programme.deleted", PREFIX, programme_id, before=before)
    return programme_id


async def follow(ctx: Ctx, *, aircraft_id: UUID, programme_id: UUID, since: date | None = None) -> UUID:
    """From now on the programme's tasks are due on the aircraft."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    refusals = Refusals()
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    programme = await access(ctx, Programme, programme_id, "programme")
    now_here = await today(ctx)
    if programme.type_id != aircraft.type_id:
        text = f"The programme {programme.name} is for another type than {aircraft.registration} is of."
        refusals.add(ErrorCode.INVALID, text, "programmeId")
    refusals.take(
        lambda day: dates.done_on(
            day, today=now_here, not_before=aircraft.manufactured_on, why="the day the aircraft was manufactured"
        ),
        since or now_here,
        "since",
    )
    refusals.finish()
    twice = refuse(
        ErrorCode.TAKEN, f"{aircraft.registration} follows {programme.name} already.", "input", "programmeId"
    )
    made = AircraftProgramme(
        org_id=ctx.actor.org_id, aircraft_id=aircraft.id, programme_id=programme.id, since=since or now_here
    )
    async with unique(ctx, uq_aircraft_programmes_org_id_aircraft_id_programme_id=twice):
        ctx.session.add(made)
    ctx.record("aircraft_programme.created", "afp", made.id, after=snapshot(made, FOLLOWS))
    return made.id


async def leave(ctx: Ctx, followed_id: UUID) -> UUID:
    """The programme's tasks are no longer due on the aircraft; what was done stays."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    found = await find(ctx, AircraftProgramme, followed_id)
    if found is None:
        raise NotFoundError("There is no such followed programme.")
    before = snapshot(found, FOLLOWS)
    await ctx.session.delete(found)
    await ctx.session.flush()
    ctx.record("aircraft_programme.deleted", "afp", followed_id, before=before)
    return followed_id


def _checked(refusals: Refusals, given: dict[str, Any], today: date) -> dict[str, Any]:
    values = dict(given)
    if "name" in given:
        values["name"] = refusals.take(_name, given["name"] or "", "name")
    if "revision" in given:
        values["revision"] = refusals.optional(_revision, given["revision"], "revision")
    if "approval" in given:
        values["approval"] = refusals.optional(_approval, given["approval"], "approval")
    if given.get("approved_on") is not None:
        refusals.take(
            lambda day: dates.done_on(day, today=today, not_before=None, why=""), given["approved_on"], "approvedOn"
        )
    return values


def _taken(name: str) -> UserErrors:
    return refuse(ErrorCode.TAKEN, f"There is a programme {name} already.", "input", "name")
