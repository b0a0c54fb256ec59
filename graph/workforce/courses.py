"""Courses in the graph."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from db.workforce.courses import Course as CourseRow
from db.workforce.courses import RenewalPolicy
from domain.context import Ctx
from domain.permissions import Permission
from domain.workforce import courses
from graph.compiler.projection import column, projection, to_many
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    RenewalPolicy,
    "What the validity of a renewed training counts from.",
    {
        "FROM_COMPLETION": "From the day it was completed.",
        "KEEP_ANNIVERSARY": "Within the last months of validity (the window) from the old last day, which so stays the "
        "same every year; earlier, later and the first time from the end of the month it was completed in.",
    },
)


@projection(CourseRow, prefix="cou", requires=Permission.WORKFORCE_READ, default_order=("code",), logged=True)
class Course:
    """A course, and how long it counts once it is passed. Changing it leaves recorded training as it was."""

    code = column(
        "Its short name in capital letters, as in `HF`; unique in the organization.",
        filter=True,
        order=True,
        unique=True,
        search=True,
    )
    name = column("What it is called, as in `Human factors`.", filter=True, order=True, search=True)
    reference = column("What demands it, as in `145.A.30(e)`; null when not stated.")
    validity_months = column("How many months it counts; null for ever.", filter=True, order=True)
    renewal_policy = column("What a renewal counts from.", enum=RenewalPolicy)
    renewal_window_months = column("For KEEP_ANNIVERSARY, the last months of validity in which the day is kept.")
    grace_days = column("How many days somebody who is enrolled and supervised may work before passing it; 0 for none.")
    warning_days = column("How many days before its end a training is DUE.")
    is_active = column("Whether it is still given.", filter=True)
    training_records = to_many("TrainingRecord", "Who passed it.", via="course_id")
    enrolments = to_many("Enrolment", "Who is enrolled in it.", via="course_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was added.", filter=True, order=True)
    updated_at = column("When it was last changed.")


course = one("course", Course, "A course by id.")
course_list = many("courses", Course, "The organization's courses.")

CODE = "Its short name, 1 to 30 characters, stored in capital letters; unique in the organization."
NAME = "What it is called; 1 to 200 characters."
REFERENCE = "What demands it, as in `145.A.30(e)`; at most 200 characters."
VALIDITY = "How many months it counts, 1 to 120; null for ever."
WINDOW = "For KEEP_ANNIVERSARY, the last months of validity in which the day is kept; 1 to 12, usually 3."
GRACE = (
    "How many days somebody who is enrolled and supervised may work before passing it, 0 to 365; 14 CFR 139.321 gives "
    "fuelling staff 90."
)
WARNING = "How many days before its end a training is DUE; 1 to 365."


@strawberry.input(description="A new course.")
class CreateCourseInput:
    code: str = strawberry.field(description=CODE)
    name: str = strawberry.field(description=NAME)
    reference: str | None = strawberry.field(default=strawberry.UNSET, description=REFERENCE)
    validity_months: int | None = strawberry.field(default=strawberry.UNSET, description=VALIDITY)
    renewal_policy: RenewalPolicy = strawberry.field(
        default=RenewalPolicy.FROM_COMPLETION, description="What a renewal counts from."
    )
    renewal_window_months: int = strawberry.field(default=3, description=WINDOW)
    grace_days: int = strawberry.field(default=0, description=GRACE)
    warning_days: int = strawberry.field(default=60, description=WARNING)


@strawberry.input(description="What to change of a course. What is absent stays; null clears what may be null.")
class UpdateCourseInput:
    id: strawberry.ID = strawberry.field(description="The course, `cou_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    code: str | None = strawberry.field(default=strawberry.UNSET, description=CODE)
    name: str | None = strawberry.field(default=strawberry.UNSET, description=NAME)
    reference: str | None = strawberry.field(default=strawberry.UNSET, description=REFERENCE)
    validity_months: int | None = strawberry.field(default=strawberry.UNSET, description=VALIDITY)
    renewal_policy: RenewalPolicy | None = strawberry.field(
        default=strawberry.UNSET, description="What a renewal counts from."
    )
    renewal_window_months: int | None = strawberry.field(default=strawberry.UNSET, description=WINDOW)
    grace_days: int | None = strawberry.field(default=strawberry.UNSET, description=GRACE)
    warning_days: int | None = strawberry.field(default=strawberry.UNSET, description=WARNING)
    is_active: bool | None = strawberry.field(default=strawberry.UNSET, description="Whether it is still given.")


NEVER_NULL = ("renewal_policy", "renewal_window_months", "grace_days", "warning_days", "is_active")


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("course", Course))
async def create_course(ctx: Ctx, input: CreateCourseInput) -> UUID:
    """Add a course."""
    return await courses.create(ctx, **given(input))


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("course", Course))
async def update_course(ctx: Ctx, input: UpdateCourseInput) -> UUID:
    """Change a course, for training that is recorded from now on."""
    changes = given(input, but=("id", "expected_version"), never_null=NEVER_NULL)
    return await courses.update(
        ctx,
        ids.decode("cou", input.id),
        expected_version=input.expected_version,
        changes=cast(courses.Changes, changes),
    )


CourseId = Annotated[strawberry.ID, strawberry.argument(description="The course, `cou_…`.")]


@mutation(
    requires=Permission.WORKFORCE_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The course that is gone; null when there are errors.")},
)
async def delete_course(ctx: Ctx, id: CourseId, expected_version: Version) -> dict[str, Any]:
    """Delete a course that was entered by mistake. One with records, enrolments or authorisations is kept: the error
    is IN_USE, and `isActive: false` is the way."""
    deleted = await courses.delete(ctx, ids.decode("cou", id), expected_version=expected_version)
    return {"deletedId": ids.encode("cou", deleted)}


QUERIES = [course, course_list]
MUTATIONS = [create_course, update_course, delete_course]
SUBSCRIPTIONS = [changed(Course)]
