"""Commands on training records. They alone move expiries: each counts from the one before it."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select

from db.workforce.courses import Course, RenewalPolicy
from db.workforce.training_records import TrainingRecord
from domain.context import Ctx
from domain.entities import access, change, unique
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules import texts
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission
from domain.workforce.rules import training
from domain.workforce.rules.training import Terms
from domain.workforce.support import check_evidence, check_member, finish

PREFIX = "tr"
FIELDS = ("user_id", "course_id", "completed_on", "expires_on", "evidence_id", "note", "is_current")


async def record(
    ctx: Ctx,
    *,
    user_id: UUID,
    course_id: UUID,
    completed_on: date,
    evidence_id: UUID,
    note: str | None = None,
) -> UUID:
    """Somebody passed a course. Later records of theirs may count longer or shorter by it; these are events too."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    refusals = Refusals()
    await check_member(ctx, refusals, user_id)
    course = await find(ctx, Course, course_id)
    if course is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no course with this id.", "courseId")
    elif not course.is_active:
        refusals.add(
            ErrorCode.NOT_ALLOWED, f"{course.code} is no longer given; set isActive to true first.", "courseId"
        )
    now_here = await today(ctx)
    refusals.take(lambda day: training.completed_on(day, now_here), completed_on, "completedOn")
    await check_evidence(ctx, refusals, evidence_id)
    text = refusals.optional(texts.note, note, "note")
    refusals.finish()
    assert course is not None
    made = TrainingRecord(
        org_id=ctx.actor.org_id,
        user_id=user_id,
        course_id=course_id,
        completed_on=completed_on,
        validity_months=course.validity_months,
        renewal_policy=course.renewal_policy,
        renewal_window_months=course.renewal_window_months,
        evidence_id=evidence_id,
        note=text,
        recorder_id=ctx.actor.user_id,
    )
    others = await _counting(ctx, user_id, course_id)
    ordered = sorted([*others, made], key=lambda row: row.completed_on)
    await _settle(ctx, ordered, besides=made)
    async with unique(ctx, uq_training_records_day=_same_day(completed_on)):
        ctx.session.add(made)
    ctx.record("training_record.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def void(ctx: Ctx, record_id: UUID, *, reason: str, expected_version: int | None = None) -> UUID:
    """Take back what was recorded by mistake. The record stays, and no longer counts."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, TrainingRecord, record_id, "training record", expected_version)
    records, reasons = Refusals("id"), Refusals("reason")
    if found.voided_at is not None:
        records.add(ErrorCode.NOT_ALLOWED, "This record has been voided already.")
    text = reasons.take(texts.named("The reason", 1000), reason)
    finish(records, reasons)
    before, after = change(found, voided_at=ctx.now, void_reason=text, is_current=False)
    await ctx.session.flush()
    ctx.record("training_record.voided", PREFIX, found.id, before=before, after=after)
    await _settle(ctx, [row for row in await _counting(ctx, found.user_id, found.course_id) if row is not found])
    return found.id


async def _counting(ctx: Ctx, user_id: UUID, course_id: UUID) -> Sequence[TrainingRecord]:
    """The records of a person and course that are not voided, in order of completion, locked."""
    query = (
        select(TrainingRecord)
        .where(
            TrainingRecord.org_id == ctx.actor.org_id,
            TrainingRecord.user_id == user_id,
            TrainingRecord.course_id == course_id,
            TrainingRecord.voided_at.is_(None),
        )
        .order_by(TrainingRecord.completed_on)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await ctx.session.scalars(query)).all()


async def _settle(ctx: Ctx, ordered: Sequence[TrainingRecord], besides: TrainingRecord | None = None) -> None:
    """Set expiry and which one is current; what moves is recorded, `besides` for the one that is being made.

    The last one gives up being current before another becomes it, as its unique index wants it."""
    found = training.expiries([(row.completed_on, _terms(row)) for row in ordered])
    last = len(ordered) - 1
    for place, (row, expires_on) in enumerate(zip(ordered, found, strict=True)):
        before, after = change(row, expires_on=expires_on, is_current=place == last)
        if row is besides or not after:
            continue
        await ctx.session.flush()
        ctx.record("training_record.recomputed", PREFIX, row.id, before=before, after=after)


def _terms(row: TrainingRecord) -> Terms:
    return Terms(row.validity_months, RenewalPolicy(row.renewal_policy), row.renewal_window_months)


def _same_day(day: date) -> UserErrors:
    message = f"This course is recorded for the person on {day} already; void that record if it was wrong."
    return refuse(ErrorCode.TAKEN, message, "input", "completedOn")
