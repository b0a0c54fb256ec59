"""Enrolments in the graph."""

from datetime import date
from typing import Annotated
from uuid import UUID

import strawberry

from db.workforce.enrolments import Enrolment as EnrolmentRow
from domain.context import Ctx
from domain.permissions import Permission
from domain.workforce import enrolments
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.inputs import EXPECTED_VERSION, VersionIfKnown
from graph.core.mutations import mutation
from graph.events.changed import changed


@projection(EnrolmentRow, prefix="enr", requires=Permission.WORKFORCE_READ, default_order=("-dutiesFrom",), logged=True)
class Enrolment:
    """Somebody works under supervision before having passed a course. One a person and course: its grace runs once."""

    user = to_one("User", "Who; null when they have left the organization.", via="user_id", nullable=True)
    user_id = column("The id of who it is, for filters.", id_prefix="usr", filter=True)
    course = to_one("Course", "In what.", via="course_id")
    course_id = column("The id of the course, for filters.", id_prefix="cou", filter=True)
    supervisor = to_one(
        "User",
        "Who supervises them; while that person does not hold the course there is no grace. Null when they have left "
        "the organization.",
        via="supervisor_id",
        nullable=True,
    )
    supervisor_id = column("The id of the supervisor, for filters.", id_prefix="usr", filter=True)
    duties_from = column("The first day of duties, from which the grace counts.", filter=True, order=True)
    grace_until = column(
        "The last day of duties without having passed; null when the course allows none.", filter=True, order=True
    )
    withdrawn_on = column("From when on they do not work under it; null while they do.", filter=True, order=True)
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was made.")


enrolment = one("enrolment", Enrolment, "An enrolment by id.")
enrolment_list = many("enrolments", Enrolment, "Who is, or was, enrolled in courses.")

SUPERVISOR = "Who supervises: another member who holds the course today, `usr_…`."


@strawberry.input(description="Somebody who starts duties before having passed a course.")
class EnrolInput:
    user_id: strawberry.ID = strawberry.field(
        description="Who: a member of the organization who has never passed the course, `usr_…`."
    )
    course_id: strawberry.ID = strawberry.field(description="In what: a course that is still given, `cou_…`.")
    supervisor_id: strawberry.ID = strawberry.field(description=SUPERVISOR)
    duties_from: date = strawberry.field(description="The first day of duties; the course's grace counts from it.")


@strawberry.input(description="Another supervisor for an enrolment.")
class UpdateEnrolmentInput:
    id: strawberry.ID = strawberry.field(description="The enrolment, `enr_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    supervisor_id: strawberry.ID = strawberry.field(description=SUPERVISOR)


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("enrolment", Enrolment))
async def enrol(ctx: Ctx, input: EnrolInput) -> UUID:
    """Enrol somebody in a course, so that they may work under supervision for as long as its grace lasts."""
    return await enrolments.enrol(
        ctx,
        user_id=ids.decode("usr", input.user_id),
        course_id=ids.decode("cou", input.course_id),
        supervisor_id=ids.decode("usr", input.supervisor_id),
        duties_from=input.duties_from,
    )


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("enrolment", Enrolment))
async def update_enrolment(ctx: Ctx, input: UpdateEnrolmentInput) -> UUID:
    """Give somebody who is enrolled another supervisor."""
    return await enrolments.update(
        ctx,
        ids.decode("enr", input.id),
        expected_version=input.expected_version,
        changes={"supervisor_id": ids.decode("usr", input.supervisor_id)},
    )


EnrolmentId = Annotated[strawberry.ID, strawberry.argument(description="The enrolment, `enr_…`.")]


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("enrolment", Enrolment))
async def withdraw_enrolment(ctx: Ctx, id: EnrolmentId, expected_version: VersionIfKnown = None) -> UUID:
    """End an enrolment from today on. Withdrawing it again changes nothing."""
    return await enrolments.set_withdrawn(ctx, ids.decode("enr", id), withdrawn=True, expected_version=expected_version)


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("enrolment", Enrolment))
async def resume_enrolment(ctx: Ctx, id: EnrolmentId, expected_version: VersionIfKnown = None) -> UUID:
    """Take up an enrolment that was withdrawn. Its grace has gone on counting from the first day of duties."""
    return await enrolments.set_withdrawn(
        ctx, ids.decode("enr", id), withdrawn=False, expected_version=expected_version
    )


QUERIES = [enrolment, enrolment_list]
MUTATIONS = [enrol, update_enrolment, withdraw_enrolment, resume_enrolment]
SUBSCRIPTIONS = [changed(Enrolment)]
