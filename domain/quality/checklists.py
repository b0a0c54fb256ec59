"""Commands on the checklists of audits. Questions can be added, changed and removed until the audit is reported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

from sqlalchemy import func, select

from db.quality.audits import Audit, AuditChecklistItem, AuditStatus, ChecklistResult
from db.quality.findings import Finding
from domain import entities
from domain.context import Ctx
from domain.entities import change
from domain.errors import ErrorCode, NotFoundError
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot
from domain.permissions import Permission
from domain.quality.rules import audits as rules
from domain.quality.support import refuse_all, role_in

PREFIX = "aci"
FIELDS = ("audit_id", "position", "requirement", "question")


@dataclass(frozen=True)
class Question:
    """What is asked, and the requirement that it asks for, as in `145.A.48(a)(3)`."""

    question: str
    requirement: str | None = None


@dataclass(frozen=True)
class Answer:
    item_id: UUID
    result: ChecklistResult
    remark: str | None = None


class Changes(TypedDict, total=False):
    """What to change of a question; a key that is absent stays as it is."""

    question: str
    requirement: str | None


def checked(refusals: Refusals, questions: Sequence[Question], *path: str) -> list[Question]:
    """The clean questions; refusals name each by its index under `path`."""
    found = []
    for index, each in enumerate(questions):
        text = refusals.take(rules.question, each.question, *path, str(index), "question")
        requirement = refusals.optional(rules.requirement, each.requirement, *path, str(index), "requirement")
        found.append(Question(text or "", requirement))
    return found


def check_count(refusals: Refusals, count: int, *path: str) -> None:
    if count > rules.MOST_ITEMS:
        message = f"The checklist would have {count} questions; at most {rules.MOST_ITEMS} are possible."
        refusals.add(ErrorCode.OUT_OF_RANGE, message, *path)


async def questions_of(ctx: Ctx, audit_id: UUID) -> list[Question]:
    item = AuditChecklistItem
    rows = await ctx.session.execute(
        select(item.question, item.requirement)
        .where(item.org_id == ctx.actor.org_id, item.audit_id == audit_id)
        .order_by(item.position)
    )
    return [Question(*row) for row in rows]


async def append(ctx: Ctx, audit_id: UUID, questions: Sequence[Question]) -> None:
    """Clean questions, at the end of a checklist whose audit is locked."""
    item = AuditChecklistItem
    last = await ctx.session.scalar(
        select(func.max(item.position)).where(item.org_id == ctx.actor.org_id, item.audit_id == audit_id)
    )
    made = [
        item(
            org_id=ctx.actor.org_id,
            audit_id=audit_id,
            position=place,
            requirement=each.requirement,
            question=each.question,
        )
        for place, each in enumerate(questions, (last or 0) + 1)
    ]
    ctx.session.add_all(made)
    await ctx.session.flush()
    for each in made:
        ctx.record("audit_item.created", PREFIX, each.id, after=snapshot(each, FIELDS))


async def add(ctx: Ctx, audit_id: UUID, *, questions: Sequence[Question]) -> UUID:
    """Ask more; all are added or none. Returns the audit."""
    ctx.check(Permission.AUDIT_PERFORM)
    audit = await entities.access(ctx, Audit, audit_id, "audit")
    refusals = Refusals()
    _check_open(refusals, audit, "auditId")
    if not questions:
        refusals.add(ErrorCode.REQUIRED, "Give at least one question.", "questions")
    clean = checked(refusals, questions, "questions")
    check_count(refusals, len(clean) + len(await questions_of(ctx, audit_id)), "questions")
    refusals.finish()
    await append(ctx, audit_id, clean)
    return audit_id


async def update(ctx: Ctx, item_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    """Ask something else; only while it is not answered."""
    ctx.check(Permission.AUDIT_PERFORM)
    audit, found = await _access(ctx, item_id, expected_version)
    refusals = Refusals()
    _check_open(refusals, audit, "id")
    _check_unanswered(refusals, found, "id")
    values: dict[str, str | None] = {}
    if "question" in changes:
        values["question"] = refusals.take(rules.question, changes["question"] or "", "question")
    if "requirement" in changes:
        values["requirement"] = refusals.optional(rules.requirement, changes["requirement"], "requirement")
    refusals.finish()
    before, after = change(found, **values)
    if after:
        await ctx.session.flush()
        ctx.record("audit_item.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def remove(ctx: Ctx, item_id: UUID, *, expected_version: int) -> UUID:
    """Take away a question that nobody answered and no finding names."""
    ctx.check(Permission.AUDIT_PERFORM)
    audit, found = await _access(ctx, item_id, expected_version)
    refusals = Refusals("id")
    _check_open(refusals, audit)
    _check_unanswered(refusals, found)
    named = select(Finding.number).where(Finding.org_id == ctx.actor.org_id, Finding.item_id == found.id).limit(1)
    if (number := await ctx.session.scalar(named)) is not None:
        refusals.add(ErrorCode.IN_USE, f"Finding {number} was made at this question, which is kept.")
    refusals.finish()
    before = snapshot(found, FIELDS)
    await ctx.session.delete(found)
    await ctx.session.flush()
    ctx.record("audit_item.deleted", PREFIX, item_id, before=before)
    return item_id


async def answer(ctx: Ctx, audit_id: UUID, *, answers: Sequence[Answer]) -> UUID:
    """Say what was seen; all answers are taken or none. Answering again replaces the answer. Returns the audit."""
    ctx.check(Permission.AUDIT_PERFORM)
    audit = await entities.access(ctx, Audit, audit_id, "audit")
    refusals = Refusals()
    refuse_all(refusals, [rules.wrong_status(audit.status, AuditStatus.IN_PROGRESS)], "auditId")
    role = await role_in(ctx, audit.department_id, ctx.actor.user_id)
    refuse_all(refusals, [rules.not_independent(role, "Whoever answers")], "auditId")
    if not answers:
        refusals.add(ErrorCode.REQUIRED, "Give at least one answer.", "answers")
    item = AuditChecklistItem
    rows = await ctx.session.scalars(
        select(item)
        .where(item.org_id == ctx.actor.org_id, item.audit_id == audit_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    known = {row.id: row for row in rows}
    remarks = {}
    for index, each in enumerate(answers):
        path = ("answers", str(index))
        if each.item_id not in known:
            refusals.add(ErrorCode.NOT_FOUND, "The audit has no such question.", *path, "itemId")
        elif each.item_id in remarks:
            refusals.add(ErrorCode.INVALID, "This question is answered twice here.", *path, "itemId")
        remarks[each.item_id] = refusals.optional(rules.remark, each.remark, *path, "remark")
    refusals.finish()
    for each in answers:
        await _answer(ctx, known[each.item_id], each.result, remarks[each.item_id])
    return audit_id


async def _answer(ctx: Ctx, found: AuditChecklistItem, result: ChecklistResult, remark: str | None) -> None:
    before, after = change(found, result=result.value, remark=remark)
    if not after:
        return
    seen = result is not ChecklistResult.NOT_CHECKED
    found.checked_by_id = ctx.actor.user_id if seen else None
    found.checked_at = ctx.now if seen else None
    await ctx.session.flush()
    ctx.record("audit_item.answered", PREFIX, found.id, before=before, after=after)


async def _access(ctx: Ctx, item_id: UUID, expected_version: int) -> tuple[Audit, AuditChecklistItem]:
    """The audit is locked first, as every command on a checklist does."""
    seen = await find(ctx, AuditChecklistItem, item_id)
    if seen is None:
        raise NotFoundError("There is no such question.")
    audit = await entities.access(ctx, Audit, seen.audit_id, "audit")
    return audit, await entities.access(ctx, AuditChecklistItem, item_id, "question", expected_version)


def _check_open(refusals: Refusals, audit: Audit, *path: str) -> None:
    refuse_all(refusals, [rules.wrong_status(audit.status, AuditStatus.PLANNED, AuditStatus.IN_PROGRESS)], *path)


def _check_unanswered(refusals: Refusals, found: AuditChecklistItem, *path: str) -> None:
    if found.result != ChecklistResult.NOT_CHECKED:
        refusals.add(ErrorCode.NOT_ALLOWED, "The question is answered; set it to NOT_CHECKED first.", *path)
