"""Commands on enrolments: supervised work before a course is passed (14 CFR 139.321(e)(1))."""

from datetime import date
from typing import TypedDict
from uuid import UUID

from sqlalchemy import Select, select

from db.workforce.courses import Course
from db.workforce.enrolments import Enrolment
from db.workforce.training_records import TrainingRecord
from domain.context import Ctx
from domain.entities import access, change, unique
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission
from domain.workforce.rules import training
from domain.workforce.support import check_member

PREFIX = "enr"
FIELDS = ("user_id", "course_id", "supervisor_id", "duties_from", "grace_until")


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is."""

    supervisor_id: UUID


async def enrol(ctx: Ctx, *, user_id: UUID, course_id: UUID, supervisor_id: UUID, duties_from: date) -> UUID:
    """Enrol somebody who has not passed the course. The grace runs from the first day of duties, once."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    refusals = Refusals()
    await check_member(ctx, refusals, user_id)
    course = await find(ctx, Course, course_id)
    if course is None or not course.is_active:
        refusals.add(ErrorCode.NOT_FOUND, "There is no course with this id that is still given.", "courseId")
    elif await _has_passed(ctx, user_id, course_id):
        refusals.add(
            ErrorCode.NOT_ALLOWED,
            f"This person has passed {course.code} before, so there is no grace; record the renewal instead.",
            "userId",
        )
    await _check_supervisor(ctx, refusals, supervisor_id, user_id, course)
    refusals.finish()
    assert course is not None
    made = Enrolment(
        org_id=ctx.actor.org_id,
        user_id=user_id,
        course_id=course_id,
        supervisor_id=supervisor_id,
        duties_from=duties_from,
        grace_until=training.grace_until(duties_from, course.grace_days),
    )
    async with unique(ctx, uq_enrolments_org_id_user_id_course_id=_enrolled(course.code)):
        ctx.session.add(made)
    ctx.record("enrolment.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, enrolment_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    """Give somebody another supervisor."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, Enrolment, enrolment_id, "enrolment", expected_version)
    refusals = Refusals()
    if supervisor_id := changes.get("supervisor_id"):
        course = await find(ctx, Course, found.course_id)
        await _check_supervisor(ctx, refusals, supervisor_id, found.user_id, course)
    refusals.finish()
    before, after = change(found, **changes)
    if after:
        await ctx.session.flush()
        ctx.record("enrolment.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def set_withdrawn(ctx: Ctx, enrolment_id: UUID, *, withdrawn: bool, expected_version: int | None = None) -> UUID:
    """Withdraw somebody from today on, or take them back. The grace goes on counting from the first day of duties."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, Enrolment, enrolment_id, "enrolment", expected_version)
    if withdrawn == (found.withdrawn_on is not None):
        return found.id
    day = max(await today(ctx), found.duties_from) if withdrawn else None
    before, after = change(found, withdrawn_on=day)
    await ctx.session.flush()
    ctx.record(f"enrolment.{'withdrawn' if withdrawn else 'resumed'}", PREFIX, found.id, before=before, after=after)
    return found.id


async def _has_passed(ctx: Ctx, user_id: UUID, course_id: UUID) -> bool:
    query = _records(ctx, user_id, course_id).limit(1)
    return (await ctx.session.scalar(query)) is not None


async def _check_supervisor(
    ctx: Ctx, refusals: Refusals, supervisor_id: UUID, user_id: UUID, course: Course | None
) -> None:
    """A supervisor is another member who holds the course today."""
    if supervisor_id == user_id:
        refusals.add(ErrorCode.INVALID, "Nobody supervises themselves; name somebody else.", "supervisorId")
        return
    await check_member(ctx, refusals, supervisor_id, "supervisorId")
    if course is None:
        return
    now_here = await today(ctx)
    held = _records(ctx, supervisor_id, course.id).where(
        TrainingRecord.completed_on <= now_here,
        TrainingRecord.expires_on.is_(None) | (TrainingRecord.expires_on >= now_here),
    )
    if await ctx.session.scalar(held.limit(1)) is None:
        message = f"This person does not hold {course.code}; name a supervisor who does."
        refusals.add(ErrorCode.NOT_ALLOWED, message, "supervisorId")


def _records(ctx: Ctx, user_id: UUID, course_id: UUID) -> Select[UUID]:
    return select(TrainingRecord.id).where(
        TrainingRecord.org_id == ctx.actor.org_id,
        TrainingRecord.user_id == user_id,
        TrainingRecord.course_id == course_id,
        TrainingRecord.voided_at.is_(None),
    )


def _enrolled(code: str) -> UserErrors:
    message = f"This person is enrolled in {code} already, or was; resume that enrolment, whose grace still counts."
    return refuse(ErrorCode.TAKEN, message, "input", "courseId")
