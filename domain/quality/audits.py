"""Commands on audits."""

from collections.abc import Sequence
from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import func, select

from db.quality.audits import Audit, AuditChecklistItem, AuditKind, AuditStatus
from db.quality.findings import Finding
from domain import entities
from domain.context import Ctx
from domain.entities import change, unique
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission
from domain.quality import checklists
from domain.quality.checklists import Question
from domain.quality.rules import audits as rules
from domain.quality.support import check_department, check_member, refuse_all, role_in

PREFIX = "aud"
FIELDS = ("reference", "title", "kind", "scope", "department_id", "lead_auditor_id", "planned_on")


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    reference: str
    title: str
    kind: AuditKind
    scope: str | None
    department_id: UUID | None
    lead_auditor_id: UUID
    planned_on: date


async def plan(
    ctx: Ctx,
    *,
    reference: str,
    title: str,
    kind: AuditKind,
    lead_auditor_id: UUID,
    planned_on: date,
    scope: str | None = None,
    department_id: UUID | None = None,
    checklist: Sequence[Question] = (),
    checklist_of: UUID | None = None,
) -> UUID:
    """`checklist_of` is another audit, whose questions are asked again; `checklist` is what is asked beside them."""
    ctx.check(Permission.QUALITY_MANAGE)
    refusals = Refusals()
    given: dict[str, Any] = {
        "reference": reference,
        "title": title,
        "kind": kind.value,
        "scope": scope,
        "department_id": department_id,
        "lead_auditor_id": lead_auditor_id,
        "planned_on": planned_on,
    }
    values = await _checked(ctx, refusals, given)
    questions = checklists.checked(refusals, checklist, "checklist")
    if checklist_of is not None:
        if await find(ctx, Audit, checklist_of) is None:
            refusals.add(ErrorCode.NOT_FOUND, "There is no audit with this id to take the checklist of.", "checklistOf")
        questions = [*await checklists.questions_of(ctx, checklist_of), *questions]
    checklists.check_count(refusals, len(questions), "checklist")
    refusals.finish()
    made = Audit(org_id=ctx.actor.org_id, **values)
    async with unique(ctx, **_taken(made.reference)):
        ctx.session.add(made)
    ctx.record("audit.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    await checklists.append(ctx, made.id, questions)
    return made.id


async def update(ctx: Ctx, audit_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.QUALITY_MANAGE)
    found = await entities.access(ctx, Audit, audit_id, "audit", expected_version)
    refusals = Refusals()
    refuse_all(refusals, [rules.wrong_status(found.status, AuditStatus.PLANNED, AuditStatus.IN_PROGRESS)], "id")
    if changes.get("planned_on", found.planned_on) != found.planned_on and found.status != AuditStatus.PLANNED:
        refusals.add(ErrorCode.NOT_ALLOWED, "The audit has begun; its planned day stays as it was.", "plannedOn")
    values = await _checked(ctx, refusals, dict(changes), existing=found)
    refusals.finish()
    async with unique(ctx, **_taken(values.get("reference", found.reference))):
        before, after = change(found, **values)
    if after:
        ctx.record("audit.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, audit_id: UUID, *, expected_version: int) -> UUID:
    """Only an audit that did not begin goes, with its checklist: what was done is kept."""
    ctx.check(Permission.QUALITY_MANAGE)
    found = await entities.access(ctx, Audit, audit_id, "audit", expected_version)
    if found.status != AuditStatus.PLANNED:
        raise refuse(ErrorCode.IN_USE, "The audit has begun, and is kept; only a planned one is deleted.", "id")
    before = snapshot(found, FIELDS)
    await ctx.session.delete(found)
    await ctx.session.flush()
    ctx.record("audit.deleted", PREFIX, audit_id, before=before)
    return audit_id


async def start(ctx: Ctx, audit_id: UUID, *, expected_version: int | None = None) -> UUID:
    ctx.check(Permission.AUDIT_PERFORM)
    found = await entities.access(ctx, Audit, audit_id, "audit", expected_version)
    count = await ctx.session.scalar(
        select(func.count())
        .select_from(AuditChecklistItem)
        .where(AuditChecklistItem.org_id == ctx.actor.org_id, AuditChecklistItem.audit_id == found.id)
    )
    refusals = Refusals("id")
    refuse_all(refusals, [rules.wrong_status(found.status, AuditStatus.PLANNED), *rules.start_obstacles(count or 0)])
    # Whoever was independent when it was planned may have come to the department since.
    role = await role_in(ctx, found.department_id, found.lead_auditor_id)
    refuse_all(refusals, [rules.not_independent(role, "The lead auditor")])
    refusals.finish()
    await _move(ctx, found, "audit.started", status=AuditStatus.IN_PROGRESS.value, started_on=await today(ctx))
    return found.id


async def report(ctx: Ctx, audit_id: UUID, *, summary: str, expected_version: int | None = None) -> UUID:
    """The checklist is answered, every deviation has a finding: this is what the audit saw."""
    ctx.check(Permission.AUDIT_PERFORM)
    found = await entities.access(ctx, Audit, audit_id, "audit", expected_version)
    refusals = Refusals()
    obstacles = [rules.wrong_status(found.status, AuditStatus.IN_PROGRESS)]
    if obstacles == [None]:
        obstacles += rules.report_obstacles(await _items(ctx, found.id))
    refuse_all(refusals, obstacles, "id")
    text = refusals.take(rules.summary, summary, "summary")
    refusals.finish()
    day = await today(ctx)
    await _move(ctx, found, "audit.reported", status=AuditStatus.REPORTED.value, reported_on=day, summary=text)
    return found.id


async def close(ctx: Ctx, audit_id: UUID, *, expected_version: int | None = None) -> UUID:
    ctx.check(Permission.QUALITY_MANAGE)
    found = await entities.access(ctx, Audit, audit_id, "audit", expected_version)
    rows = await ctx.session.execute(
        select(Finding.number, Finding.status).where(Finding.org_id == ctx.actor.org_id, Finding.audit_id == found.id)
    )
    refusals = Refusals("id")
    refuse_all(refusals, [rules.wrong_status(found.status, AuditStatus.REPORTED)])
    refuse_all(refusals, rules.close_obstacles([rules.Found(row.number, row.status) for row in rows]))
    refusals.finish()
    await _move(ctx, found, "audit.closed", status=AuditStatus.CLOSED.value, closed_on=await today(ctx))
    return found.id


async def _move(ctx: Ctx, found: Audit, event: str, **values: Any) -> None:
    before, after = change(found, **values)
    await ctx.session.flush()
    ctx.record(event, PREFIX, found.id, before=before, after=after)


async def _items(ctx: Ctx, audit_id: UUID) -> list[rules.Item]:
    item = AuditChecklistItem
    findings = func.count(Finding.id)
    rows = await ctx.session.execute(
        select(item.position, item.result, findings)
        .outerjoin(Finding, (Finding.org_id == item.org_id) & (Finding.item_id == item.id))
        .where(item.org_id == ctx.actor.org_id, item.audit_id == audit_id)
        .group_by(item.id, item.position, item.result)
    )
    return [rules.Item(*row) for row in rows]


async def _checked(
    ctx: Ctx, refusals: Refusals, given: dict[str, Any], *, existing: Audit | None = None
) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    for name, rule in (("reference", rules.reference), ("title", rules.title)):
        if name in given:
            values[name] = refusals.take(rule, given[name] or "", name)
    if "scope" in given:
        values["scope"] = refusals.optional(rules.scope, given["scope"], "scope")
    if "department_id" in given:
        await check_department(ctx, refusals, given["department_id"], "departmentId")
    if "lead_auditor_id" in given:
        await check_member(ctx, refusals, given["lead_auditor_id"], "leadAuditorId")
    department_id = given.get("department_id", existing.department_id if existing else None)
    lead = given.get("lead_auditor_id") or (existing.lead_auditor_id if existing else None)
    role = await role_in(ctx, department_id, lead)
    refuse_all(refusals, [rules.not_independent(role, "The lead auditor")], "leadAuditorId")
    if reference := values.get("reference"):
        twin = await ctx.session.scalar(
            select(Audit.id).where(
                Audit.org_id == ctx.actor.org_id, func.lower(Audit.reference) == func.lower(reference)
            )
        )
        if twin not in (None, existing and existing.id):
            refusals.errors.extend(_taken(reference)["uq_audits_org_id_reference"].errors)
    return values


def _taken(reference: str) -> dict[str, UserErrors]:
    """What `_checked` says, also when another transaction was quicker."""
    message = f"There is an audit {reference} in the organization already."
    return {"uq_audits_org_id_reference": refuse(ErrorCode.TAKEN, message, "input", "reference")}
