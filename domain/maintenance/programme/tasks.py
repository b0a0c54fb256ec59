"""Commands on the tasks of maintenance programmes."""

from typing import Any
from uuid import UUID

from db.maintenance.programme import Programme, ProgrammeTask, Rebasing
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules import components as parts
from domain.fleet.rules import texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import snapshot, today
from domain.maintenance.rules.limits import TOLERATED, UNITS, check_task
from domain.maintenance.rules.wording import paragraphs
from domain.permissions import Permission

PREFIX = "mt"
LIMITS = (
    *(f"interval_{unit}" for unit in UNITS),
    *(f"threshold_{unit}" for unit in UNITS),
    *(f"tolerance_{unit}" for unit in TOLERATED),
)
FIELDS = (
    "programme_id",
    "code",
    "title",
    "description",
    "part_number",
    *LIMITS,
    "rebasing",
    "airworthiness_limitation",
    "required_inspection",
    "withdrawn_on",
)

_code = texts.named("The code", 50)
_title = texts.named("The title", 200)
_description = paragraphs("The description", 10_000)


async def create(ctx: Ctx, *, programme_id: UUID, code: str, title: str, **optional: Any) -> UUID:
    """`optional` are the other columns of a task, by name."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    programme = await access(ctx, Programme, programme_id, "programme")
    refusals = Refusals()
    values = _checked(refusals, {"code": code, "title": title, **optional})
    check_task(refusals, values, airworthiness_limitation=bool(values.get("airworthiness_limitation")))
    refusals.finish()
    made = ProgrammeTask(org_id=ctx.actor.org_id, programme_id=programme.id, **values)
    async with unique(ctx, uq_programme_tasks_org_id_programme_id_code=_taken(made.code)):
        ctx.session.add(made)
    ctx.record("programme_task.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, task_id: UUID, *, expected_version: int, changes: dict[str, Any]) -> UUID:
    """What is due is due by the changed limits at once, counted from what was done last."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    found = await access(ctx, ProgrammeTask, task_id, "programme task", expected_version)
    refusals = Refusals()
    values = _checked(refusals, changes)
    limits = {name: values.get(name, getattr(found, name)) for name in LIMITS}
    limitation = values.get("airworthiness_limitation", found.airworthiness_limitation)
    check_task(refusals, limits, airworthiness_limitation=limitation)
    refusals.finish()
    async with unique(ctx, uq_programme_tasks_org_id_programme_id_code=_taken(values.get("code", found.code))):
        before, after = change(found, **values)
    if after:
        ctx.record("programme_task.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def withdraw(ctx: Ctx, task_id: UUID, *, withdrawn: bool, expected_version: int | None = None) -> UUID:
    """A withdrawn task is due no more; what was done stays. It can be taken up again."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    found = await access(ctx, ProgrammeTask, task_id, "programme task", expected_version)
    if withdrawn == (found.withdrawn_on is not None):
        return found.id
    before, after = change(found, withdrawn_on=await today(ctx) if withdrawn else None)
    await ctx.session.flush()
    event = "programme_task.withdrawn" if withdrawn else "programme_task.resumed"
    ctx.record(event, PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, task_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Only a task that was never done; others are withdrawn."""
    ctx.check(Permission.PROGRAMME_MANAGE)
    found = await access(ctx, ProgrammeTask, task_id, "programme task", expected_version)
    before = snapshot(found, FIELDS)
    done = refuse(ErrorCode.IN_USE, f"{found.code} was done, or is planned; withdraw it instead.", "id")
    async with unreferenced(ctx, done):
        await ctx.session.delete(found)
    ctx.record("programme_task.deleted", PREFIX, task_id, before=before)
    return task_id


def _checked(refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    values = dict(given)
    for name, rule in (("code", _code), ("title", _title)):
        if name in given:
            values[name] = refusals.take(rule, given[name] or "", name)
    if "description" in given:
        values["description"] = refusals.optional(_description, given["description"], "description")
    if "part_number" in given:
        values["part_number"] = refusals.optional(parts.part_number, given["part_number"], "partNumber")
    for name in (f"tolerance_{unit}" for unit in TOLERATED):
        if name in given:
            values[name] = given[name] or 0
    if "rebasing" in given:
        values["rebasing"] = Rebasing(given["rebasing"]).value
    return values


def _taken(code: str) -> UserErrors:
    return refuse(ErrorCode.TAKEN, f"The programme has a task {code} already.", "input", "code")
