"""Commands on courses. What a course says from now on leaves the training that was recorded as it was."""

from typing import Any, TypedDict
from uuid import UUID

from db.workforce.courses import Course, RenewalPolicy
from domain.context import Ctx
from domain.entities import access, change, unique, unreferenced
from domain.errors import ErrorCode, UserErrors, refuse
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.texts import named
from domain.fleet.support import snapshot
from domain.permissions import Permission
from domain.workforce.support import upper, within

PREFIX = "cou"
FIELDS = (
    "code",
    "name",
    "reference",
    "validity_months",
    "renewal_policy",
    "renewal_window_months",
    "grace_days",
    "warning_days",
    "is_active",
)
REQUIRED = {"code": (upper("The code", 30), "code"), "name": (named("The name", 200), "name")}
OPTIONAL = {
    "reference": (named("The reference", 200), "reference"),
    "validity_months": (within("The validity in months", 1, 120), "validityMonths"),
}
NUMBERS = {
    "renewal_window_months": (within("The renewal window in months", 1, 12), "renewalWindowMonths"),
    "grace_days": (within("The grace in days", 0, 365), "graceDays"),
    "warning_days": (within("The warning period in days", 1, 365), "warningDays"),
}


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    code: str
    name: str
    reference: str | None
    validity_months: int | None
    renewal_policy: RenewalPolicy
    renewal_window_months: int
    grace_days: int
    warning_days: int
    is_active: bool


async def create(
    ctx: Ctx,
    *,
    code: str,
    name: str,
    reference: str | None = None,
    validity_months: int | None = None,
    renewal_policy: RenewalPolicy = RenewalPolicy.FROM_COMPLETION,
    renewal_window_months: int = 3,
    grace_days: int = 0,
    warning_days: int = 60,
) -> UUID:
    ctx.check(Permission.WORKFORCE_MANAGE)
    refusals = Refusals()
    values = _checked(
        refusals,
        {
            "code": code,
            "name": name,
            "reference": reference,
            "validity_months": validity_months,
            "renewal_policy": renewal_policy,
            "renewal_window_months": renewal_window_months,
            "grace_days": grace_days,
            "warning_days": warning_days,
        },
    )
    refusals.finish()
    made = Course(org_id=ctx.actor.org_id, is_active=True, **values)
    async with unique(ctx, uq_courses_org_id_code=_taken(made.code)):
        ctx.session.add(made)
    ctx.record("course.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, course_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, Course, course_id, "course", expected_version)
    refusals = Refusals()
    values = _checked(refusals, dict(changes))
    refusals.finish()
    async with unique(ctx, uq_courses_org_id_code=_taken(values.get("code", found.code))):
        before, after = change(found, **values)
    if after:
        ctx.record("course.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, course_id: UUID, *, expected_version: int) -> UUID:
    """Only a course that nobody took, enrolled in or needs goes."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    found = await access(ctx, Course, course_id, "course", expected_version)
    before = snapshot(found, FIELDS)
    in_use = refuse(
        ErrorCode.IN_USE,
        f"{found.code} has training records or enrolments, or an authorisation requires it; set isActive to false.",
        "id",
    )
    async with unreferenced(ctx, in_use):
        await ctx.session.delete(found)
    ctx.record("course.deleted", PREFIX, course_id, before=before)
    return course_id


def _checked(refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in REQUIRED:
            rule, path = REQUIRED[name]
            values[name] = refusals.take(rule, value or "", path)
        elif name in OPTIONAL:
            rule, path = OPTIONAL[name]
            values[name] = refusals.optional(rule, value, path)
        elif name in NUMBERS:
            rule, path = NUMBERS[name]
            values[name] = refusals.take(rule, value, path)
        else:
            values[name] = value
    return values


def _taken(code: str) -> UserErrors:
    return refuse(ErrorCode.TAKEN, f"There is a course {code} in the organization already.", "input", "code")
