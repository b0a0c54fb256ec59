"""Training records in the graph."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import case, literal, select

from db.workforce.courses import Course as CourseRow
from db.workforce.training_records import TrainingRecord as TrainingRecordRow
from domain.context import Ctx
from domain.permissions import Permission
from domain.workforce import training_records
from domain.workforce.rules.training import TrainingState
from graph.compiler.projection import ActorBinds, column, computed, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import VersionIfKnown
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.workforce.today import today

describe(
    TrainingState,
    "How a training stands today, in the organization's time zone.",
    {
        "VALID": "It counts.",
        "DUE": "It counts still, and ends within the course's warning period.",
        "EXPIRED": "Its last day has passed.",
    },
)


def _state(m: Any, actor: ActorBinds) -> Any:
    """The rule of `domain.workforce.rules.training.state`, in SQL."""
    now_here = today(actor)
    warning = (
        select(CourseRow.warning_days)
        .where(CourseRow.org_id == m.org_id, CourseRow.id == m.course_id)
        .correlate(m)
        .scalar_subquery()
    )
    return case(
        (m.voided_at.is_not(None), None),
        (m.expires_on < now_here, literal(TrainingState.EXPIRED.value)),
        (m.expires_on - warning <= now_here, literal(TrainingState.DUE.value)),
        else_=literal(TrainingState.VALID.value),
    )


@projection(
    TrainingRecordRow, prefix="tr", requires=Permission.WORKFORCE_READ, default_order=("-completedOn",), logged=True
)
class TrainingRecord:
    """Somebody passed a course on a day. A record is not changed: what was wrong is voided, and recorded anew."""

    user = to_one("User", "Who passed it; null when they have left the organization.", via="user_id", nullable=True)
    user_id = column("The id of who passed it, for filters.", id_prefix="usr", filter=True)
    course = to_one("Course", "What they passed.", via="course_id")
    course_id = column("The id of the course, for filters.", id_prefix="cou", filter=True)
    completed_on = column("The day it was completed.", filter=True, order=True)
    expires_on = column(
        "The last day that it counts; null for ever. It follows from the course as it was when this was recorded, and "
        "from the training before.",
        filter=True,
        order=True,
    )
    state = computed(
        "How it stands today; null when voided.",
        TrainingState,
        _state,
        nullable=True,
        logged=False,
    )
    is_current = column(
        "Whether it is the person's latest of this course that is not voided; filter by it to see what expires.",
        filter=True,
    )
    evidence = to_one("Document", "The proof of it.", via="evidence_id", requires=Permission.DOCUMENT_READ)
    note = column("A remark; null when there is none.")
    recorder = to_one(
        "User", "Who recorded it; null when they are no member of the organization.", via="recorder_id", nullable=True
    )
    voided_at = column("When it was voided; null while it counts.")
    void_reason = column("Why it was voided; null while it counts.")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was recorded.", filter=True, order=True)


training_record = one("trainingRecord", TrainingRecord, "A training record by id.")
training_record_list = many("trainingRecords", TrainingRecord, "The training of the organization's people.")
training_aggregate = aggregate("trainingAggregate", TrainingRecord, "Counts of training, by course, person or time.")


@strawberry.input(description="A training that somebody completed.")
class RecordTrainingInput:
    user_id: strawberry.ID = strawberry.field(description="Who: a member of the organization, `usr_…`.")
    course_id: strawberry.ID = strawberry.field(description="What: a course that is still given, `cou_…`.")
    completed_on: date = strawberry.field(description="The day it was completed; not in the future.")
    evidence_id: strawberry.ID = strawberry.field(
        description="The proof: a document that was uploaded for EVIDENCE, `doc_…`."
    )
    note: str | None = strawberry.field(default=strawberry.UNSET, description="A remark; at most 1,000 characters.")


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("trainingRecord", TrainingRecord))
async def record_training(ctx: Ctx, input: RecordTrainingInput) -> UUID:
    """Record that somebody passed a course; its last day is computed. Training may be recorded late and in any order:
    what was completed after it is computed anew."""
    return await training_records.record(
        ctx,
        user_id=ids.decode("usr", input.user_id),
        course_id=ids.decode("cou", input.course_id),
        completed_on=input.completed_on,
        evidence_id=ids.decode("doc", input.evidence_id),
        note=input.note or None,
    )


RecordId = Annotated[strawberry.ID, strawberry.argument(description="The training record, `tr_…`.")]
Reason = Annotated[str, strawberry.argument(description="Why; 1 to 1,000 characters, seen by everybody who sees it.")]


@mutation(requires=Permission.WORKFORCE_MANAGE, entity=("trainingRecord", TrainingRecord))
async def void_training_record(ctx: Ctx, id: RecordId, reason: Reason, expected_version: VersionIfKnown = None) -> UUID:
    """Take back a training that was recorded by mistake. The record stays to be seen, and counts no longer."""
    return await training_records.void(ctx, ids.decode("tr", id), reason=reason, expected_version=expected_version)


QUERIES = [training_record, training_record_list, training_aggregate]
MUTATIONS = [record_training, void_training_record]
SUBSCRIPTIONS = [changed(TrainingRecord)]
