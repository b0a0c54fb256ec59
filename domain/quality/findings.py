"""Commands on findings."""

from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import func, select

from db.quality.actions import CorrectiveAction
from db.quality.audits import Audit, AuditChecklistItem, AuditStatus
from db.quality.findings import Finding, FindingLevel, FindingStatus
from domain import entities
from domain.context import Ctx
from domain.entities import change
from domain.errors import ErrorCode
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission
from domain.quality.rules import audits as audit_rules
from domain.quality.rules import findings as rules
from domain.quality.support import check_department, check_member, finding_days, one_at_a_time, refuse_all

PREFIX = "fnd"
TEXTS = ("title", "description", "requirement")
FIELDS = (
    "number",
    "audit_id",
    "item_id",
    *TEXTS,
    "level",
    "department_id",
    "owner_id",
    "raised_on",
    "due_on",
)


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    title: str
    description: str
    requirement: str | None
    department_id: UUID | None
    owner_id: UUID


async def raise_(
    ctx: Ctx,
    *,
    level: FindingLevel,
    title: str,
    description: str,
    owner_id: UUID,
    requirement: str | None = None,
    department_id: UUID | None = None,
    audit_id: UUID | None = None,
    item_id: UUID | None = None,
    raised_on: date | None = None,
    due_on: date | None = None,
) -> UUID:
    """In an audit that is in progress, or outside of audits (an occurrence, a letter of the authority). `raised_on` is
    the day of its written communication, today unless given; `due_on` an earlier day than the period would give."""
    ctx.check(Permission.AUDIT_PERFORM)
    refusals = Refusals()
    # The audit first, as every command that locks both.
    await _check_place(ctx, refusals, audit_id, item_id)
    texts = {"title": title, "description": description, "requirement": requirement}
    people = {"department_id": department_id, "owner_id": owner_id}
    values = await _checked(ctx, refusals, texts | people)
    now_here, days = await today(ctx), await finding_days(ctx)
    raised = refusals.take(lambda day: rules.raised_on(day, now_here), raised_on or now_here, "raisedOn") or now_here
    due = rules.due_on(level, raised, days)
    if due_on is not None:
        due = refusals.take(lambda day: rules.agreed(day, level=level, raised=raised, days=days), due_on, "dueOn")
    refusals.finish()
    await one_at_a_time(ctx, "finding")
    last = await ctx.session.scalar(select(func.max(Finding.number)).where(Finding.org_id == ctx.actor.org_id))
    made = Finding(
        org_id=ctx.actor.org_id,
        number=(last or 0) + 1,
        audit_id=audit_id,
        item_id=item_id,
        level=level.value,
        raised_by_id=ctx.actor.user_id,
        raised_on=raised,
        due_on=due,
        first_due_on=due,
        **values,
    )
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("finding.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, finding_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    """Its words and who answers for it. Its level is changed by `classify`, its due day by `extend`."""
    ctx.check(Permission.AUDIT_PERFORM)
    found = await entities.access(ctx, Finding, finding_id, "finding", expected_version)
    refusals = Refusals()
    check_open(refusals, found, "id")
    values = await _checked(ctx, refusals, dict(changes))
    refusals.finish()
    await _change(ctx, found, "finding.updated", **values)
    return found.id


async def classify(
    ctx: Ctx, finding_id: UUID, *, level: FindingLevel, reason: str, expected_version: int | None = None
) -> UUID:
    """Another level, and with it another due day, counted from the day it was raised. An extension is used up by it."""
    ctx.check(Permission.QUALITY_MANAGE)
    found = await entities.access(ctx, Finding, finding_id, "finding", expected_version)
    refusals = Refusals()
    check_open(refusals, found, "id")
    why = refusals.take(rules.reason, reason, "reason")
    refusals.finish()
    if found.level == level:
        return found.id
    due = rules.due_on(level, found.raised_on, await finding_days(ctx), found.contained_on)
    before, after = change(found, level=level.value, due_on=due, first_due_on=due)
    await ctx.session.flush()
    ctx.record("finding.classified", PREFIX, found.id, before=before, after=after | {"reason": why})
    return found.id


async def contain(ctx: Ctx, finding_id: UUID, *, immediate_action: str, expected_version: int | None = None) -> UUID:
    """What was done at once, so that the finding does no harm; for level 1 it begins the period of the rest."""
    ctx.check(Permission.FINDING_RESPOND)
    found = await entities.access(ctx, Finding, finding_id, "finding", expected_version)
    refusals = Refusals()
    check_open(refusals, found, "id")
    check_responsible(ctx, refusals, found.owner_id, "id")
    if found.contained_on is not None:
        sentence = f"An immediate action was recorded on {found.contained_on}; it is kept as it is."
        refusals.add(ErrorCode.NOT_ALLOWED, sentence, "id")
    text = refusals.take(rules.immediate_action, immediate_action, "immediateAction")
    refusals.finish()
    now_here = await today(ctx)
    values: dict[str, Any] = {"immediate_action": text, "contained_on": now_here}
    if found.level == FindingLevel.LEVEL_1:
        due = rules.due_on(FindingLevel.LEVEL_1, found.raised_on, await finding_days(ctx), now_here)
        values |= {"due_on": due, "first_due_on": due}
    await _change(ctx, found, "finding.contained", **values)
    return found.id


async def extend(ctx: Ctx, finding_id: UUID, *, due_on: date, reason: str, expected_version: int | None = None) -> UUID:
    """More time for a level 2 finding: once, before its period ends, and on an accepted plan."""
    ctx.check(Permission.QUALITY_MANAGE)
    found = await entities.access(ctx, Finding, finding_id, "finding", expected_version)
    now_here, days = await today(ctx), await finding_days(ctx)
    states = [state for state, _ in await _actions(ctx, found.id)]
    refusals = Refusals()
    refuse_all(
        refusals,
        rules.extension_obstacles(
            level=found.level,
            status=found.status,
            due=found.due_on,
            extended=found.extended_on is not None,
            today=now_here,
            actions=states,
        ),
        "id",
    )
    if (due := found.due_on) is not None:
        refusals.take(lambda day: rules.extended_to(day, due=due, days=days), due_on, "dueOn")
    why = refusals.take(rules.reason, reason, "reason")
    refusals.finish()
    await _change(ctx, found, "finding.extended", due_on=due_on, extended_on=now_here, extension_reason=why)
    return found.id


async def close(ctx: Ctx, finding_id: UUID, *, note: str | None = None, expected_version: int | None = None) -> UUID:
    """It is mended, and somebody else than who mended it has seen that."""
    ctx.check(Permission.QUALITY_MANAGE)
    found = await entities.access(ctx, Finding, finding_id, "finding", expected_version)
    refusals = Refusals()
    obstacles = rules.closing_obstacles(
        level=found.level,
        status=found.status,
        contained=found.contained_on is not None,
        actions=await _actions(ctx, found.id),
    )
    refuse_all(refusals, obstacles, "id")
    text = refusals.optional(rules.closing_note, note, "note")
    refusals.finish()
    await _change(
        ctx,
        found,
        "finding.closed",
        status=FindingStatus.CLOSED.value,
        closed_on=await today(ctx),
        closed_by_id=ctx.actor.user_id,
        closing_note=text,
    )
    return found.id


def check_responsible(ctx: Ctx, refusals: Refusals, owner_id: UUID, *path: str) -> None:
    """Whoever answers is the owner, or manages quality."""
    if ctx.actor.user_id != owner_id and not ctx.actor.can(Permission.QUALITY_MANAGE):
        sentence = "Only its owner, or who manages quality, answers for it; ask them, or to be made its owner."
        refusals.add(ErrorCode.NOT_ALLOWED, sentence, *path)


async def _change(ctx: Ctx, found: Finding, event: str, **values: Any) -> None:
    before, after = change(found, **values)
    if after:
        await ctx.session.flush()
        ctx.record(event, PREFIX, found.id, before=before, after=after)


def check_open(refusals: Refusals, found: Finding, *path: str) -> None:
    if found.status != FindingStatus.OPEN:
        refusals.add(ErrorCode.NOT_ALLOWED, "The finding is closed, and stays as it is.", *path)


async def _actions(ctx: Ctx, finding_id: UUID) -> list[tuple[str, date]]:
    """Status and target day of each of its actions. The finding is locked, as every command on an action does."""
    action = CorrectiveAction
    rows = await ctx.session.execute(
        select(action.status, action.target_on).where(
            action.org_id == ctx.actor.org_id, action.finding_id == finding_id
        )
    )
    return [(row.status, row.target_on) for row in rows]


async def _check_place(ctx: Ctx, refusals: Refusals, audit_id: UUID | None, item_id: UUID | None) -> None:
    """The audit is in progress, and the question is its own."""
    if audit_id is None:
        if item_id is not None:
            refusals.add(ErrorCode.REQUIRED, "A question belongs to an audit; give its `auditId` too.", "auditId")
        return
    if await find(ctx, Audit, audit_id) is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no audit with this id in the organization.", "auditId")
        return
    audit = await entities.access(ctx, Audit, audit_id, "audit")
    refuse_all(refusals, [audit_rules.wrong_status(audit.status, AuditStatus.IN_PROGRESS)], "auditId")
    if item_id is not None:
        item = await find(ctx, AuditChecklistItem, item_id)
        if item is None or item.audit_id != audit_id:
            refusals.add(ErrorCode.NOT_FOUND, "The audit has no such question.", "itemId")


async def _checked(ctx: Ctx, refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    for name, rule in (("title", rules.title), ("description", rules.description)):
        if name in given:
            values[name] = refusals.take(rule, given[name] or "", name)
    if "requirement" in given:
        values["requirement"] = refusals.optional(rules.requirement, given["requirement"], "requirement")
    if "department_id" in given:
        await check_department(ctx, refusals, given["department_id"], "departmentId")
    if "owner_id" in given:
        await check_member(ctx, refusals, given["owner_id"], "ownerId")
    return values
