"""Checklists of audits in the graph."""

from typing import Annotated, Any
from typing import cast as typed
from uuid import UUID

import strawberry

from db.quality.audits import AuditChecklistItem as AuditChecklistItemRow
from db.quality.audits import ChecklistResult
from domain.context import Ctx
from domain.permissions import Permission
from domain.quality import checklists
from domain.quality.checklists import Answer
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, given
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.quality.audits import Audit, AuditQuestionInput, questions

describe(
    ChecklistResult,
    "What was seen at a question.",
    {
        "NOT_CHECKED": "Nobody has looked yet.",
        "CONFORMS": "The requirement is met.",
        "DEVIATES": "The requirement is not met: before the audit is reported, a finding says how.",
        "NOT_APPLICABLE": "The question does not apply here.",
    },
)


@projection(
    AuditChecklistItemRow, prefix="aci", requires=Permission.QUALITY_READ, default_order=("position",), logged=True
)
class AuditChecklistItem:
    """A question of an audit, and what was seen."""

    audit = to_one("Audit", "The audit that asks it.", via="audit_id")
    audit_id = column("The id of the audit, for filters.", id_prefix="aud", filter=True)
    position = column("Its place in the checklist, from 1.", filter=True, order=True)
    requirement = column(
        "The requirement behind it, as in `145.A.48(a)(3)`; null when not stated.", filter=True, order=True
    )
    question = column("What is to be checked.")
    result = column("What was seen.", enum=ChecklistResult, filter=True, order=True)
    remark = column("What was seen, in words; null when nothing was said.")
    checked_by = to_one(
        "User",
        "Who looked; null while nobody did, and for somebody whom you may not see.",
        via="checked_by_id",
        nullable=True,
    )
    checked_at = column("When it was answered; null while it is not.", filter=True, order=True)
    findings = to_many("Finding", "What did not comply there.", via="item_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was asked.")
    updated_at = column("When it last changed.")


item = one("auditChecklistItem", AuditChecklistItem, "A question of an audit by id.")
items = many("auditChecklistItems", AuditChecklistItem, "Questions of all audits, as to chart what deviates.")
item_aggregate = aggregate(
    "auditChecklistItemAggregate", AuditChecklistItem, "Counts of questions, by result, requirement or time."
)


@strawberry.input(description="What an audit asks beside what it asks already.")
class AddAuditQuestionsInput:
    audit_id: strawberry.ID = strawberry.field(description="The audit, `aud_…`; planned or in progress.")
    questions: list[AuditQuestionInput] = strawberry.field(
        description="They are asked last, in this order; a checklist has at most 300."
    )


@strawberry.input(description="What to change of a question that is not answered. What is absent stays.")
class UpdateAuditQuestionInput:
    id: strawberry.ID = strawberry.field(description="The question, `aci_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    question: str | None = strawberry.field(
        default=strawberry.UNSET, description="What is to be checked, at most 1,000 characters."
    )
    requirement: str | None = strawberry.field(
        default=strawberry.UNSET, description="The requirement behind it; null clears it."
    )


@strawberry.input(description="What was seen at a question.")
class AuditAnswerInput:
    item_id: strawberry.ID = strawberry.field(description="The question, `aci_…`.")
    result: ChecklistResult = strawberry.field(description="What was seen; NOT_CHECKED takes an answer back.")
    remark: str | None = strawberry.field(
        default=strawberry.UNSET, description="In words: plain text with line breaks, at most 4,000 characters."
    )


@strawberry.input(description="Answers to questions of one audit.")
class AnswerAuditChecklistInput:
    audit_id: strawberry.ID = strawberry.field(description="The audit, `aud_…`; in progress.")
    answers: list[AuditAnswerInput] = strawberry.field(description="All are taken or none, each question once.")


@mutation(requires=Permission.AUDIT_PERFORM, entity=("audit", Audit))
async def add_audit_questions(ctx: Ctx, input: AddAuditQuestionsInput) -> UUID:
    """Ask more in an audit; all questions are added or none."""
    return await checklists.add(ctx, ids.decode("aud", input.audit_id), questions=questions(input.questions))


@mutation(requires=Permission.AUDIT_PERFORM, entity=("item", AuditChecklistItem))
async def update_audit_question(ctx: Ctx, input: UpdateAuditQuestionInput) -> UUID:
    """Change a question that is not answered."""
    values = given(input, but=("id", "expected_version"), never_null=("question",))
    return await checklists.update(
        ctx,
        ids.decode("aci", input.id),
        expected_version=input.expected_version,
        changes=typed(checklists.Changes, values),
    )


QuestionId = Annotated[strawberry.ID, strawberry.argument(description="The question, `aci_…`.")]


@mutation(
    requires=Permission.AUDIT_PERFORM,
    payload={"deletedId": (strawberry.ID | None, "The question that is gone; null when there are errors.")},
)
async def remove_audit_question(ctx: Ctx, id: QuestionId, expected_version: Version) -> dict[str, Any]:
    """Take away a question that nobody answered and no finding names."""
    removed = await checklists.remove(ctx, ids.decode("aci", id), expected_version=expected_version)
    return {"deletedId": ids.encode("aci", removed)}


@mutation(requires=Permission.AUDIT_PERFORM, entity=("audit", Audit))
async def answer_audit_checklist(ctx: Ctx, input: AnswerAuditChecklistInput) -> UUID:
    """Say what was seen. Whoever answers is neither lead nor member of the audited department. Answering a question
    again replaces its answer, until the audit is reported."""
    answers = [Answer(ids.decode("aci", each.item_id), each.result, each.remark or None) for each in input.answers]
    return await checklists.answer(ctx, ids.decode("aud", input.audit_id), answers=answers)


QUERIES = [item, items, item_aggregate]
MUTATIONS = [add_audit_questions, update_audit_question, remove_audit_question, answer_audit_checklist]
SUBSCRIPTIONS = [changed(AuditChecklistItem)]
