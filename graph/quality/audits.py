"""Audits in the graph."""

from datetime import date
from typing import Annotated, Any
from typing import cast as typed
from uuid import UUID

import strawberry

from db.quality.audits import Audit as AuditRow
from db.quality.audits import AuditKind, AuditStatus
from domain.context import Ctx
from domain.permissions import Permission
from domain.quality import audits
from domain.quality.checklists import Question
from graph.compiler.projection import column, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, Version, VersionIfKnown, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    AuditKind,
    "What is audited, and by whom.",
    {
        "SYSTEM": "Procedures, and whether they are followed; by the organization itself.",
        "PRODUCT": "A sample of the work on an aircraft or component; by the organization itself.",
        "SUPPLIER": "A subcontractor or supplier; by the organization.",
        "AUTHORITY": "The organization, by the competent authority or by a customer.",
    },
)
describe(
    AuditStatus,
    "How far an audit is. It goes on from one to the next, never back.",
    {
        "PLANNED": "It has a day and a lead auditor; everything can be changed.",
        "IN_PROGRESS": "The checklist is answered, findings are raised.",
        "REPORTED": "What was seen is final; the findings are worked on.",
        "CLOSED": "All of its findings are closed.",
    },
)


@projection(AuditRow, prefix="aud", requires=Permission.QUALITY_READ, default_order=("-plannedOn",), logged=True)
class Audit:
    """A planned look at whether requirements are met: with a checklist, which leads to findings where they are not."""

    reference = column(
        "What the organization calls it, as in `AUD-2026-07`; unique whatever the case.",
        filter=True,
        order=True,
        search=True,
    )
    title = column("What it is about.", filter=True, order=True, search=True)
    kind = column("What is audited, and by whom.", enum=AuditKind, filter=True, order=True)
    scope = column("What it covers, in plain text with line breaks; null when not stated.")
    department = to_one("Department", "The audited department; null when it is not one.", via="department_id")
    department_id = column("The id of the audited department, for filters.", id_prefix="dep", filter=True)
    lead_auditor = to_one(
        "User", "Who leads it; null for somebody whom you may not see.", via="lead_auditor_id", nullable=True
    )
    lead_auditor_id = column("The id of who leads it, for filters.", id_prefix="usr", filter=True)
    planned_on = column("The day it is to begin, in the organization's time zone.", filter=True, order=True)
    status = column("How far it is.", enum=AuditStatus, filter=True, order=True)
    started_on = column("The day it began; null while it is planned.", filter=True, order=True)
    reported_on = column("The day it was reported; null before.", filter=True, order=True)
    closed_on = column("The day it was closed; null before.", filter=True, order=True)
    summary = column("What the auditors saw, in plain text with line breaks; null until it is reported.")
    checklist = to_many("AuditChecklistItem", "What is asked, in order unless ordered otherwise.", via="audit_id")
    findings = to_many("Finding", "What did not comply.", via="audit_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was planned.", filter=True, order=True)
    updated_at = column("When the record last changed; its checklist and findings have times of their own.")


audit = one("audit", Audit, "An audit by id.")
audit_list = many("audits", Audit, "The organization's audits, the latest planned day first.")
audit_aggregate = aggregate("auditAggregate", Audit, "Counts of audits, by status, kind, department or time.")

REFERENCE = "What the organization calls it: at most 40 characters, unique whatever the case."
TITLE = "What it is about, at most 200 characters."
SCOPE = "What it covers: plain text with line breaks, at most 4,000 characters."
DEPARTMENT = "The audited department, `dep_…`."
LEAD = "Who leads it, `usr_…`: a member of the organization who is neither lead nor member of the audited department."
PLANNED_ON = "The day it is to begin."


@strawberry.input(description="A question of a checklist.")
class AuditQuestionInput:
    question: str = strawberry.field(description="What is to be checked, at most 1,000 characters.")
    requirement: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The requirement behind it, as in `145.A.48(a)(3)`; at most 200 characters.",
    )


@strawberry.input(description="A new audit.")
class PlanAuditInput:
    reference: str = strawberry.field(description=REFERENCE)
    title: str = strawberry.field(description=TITLE)
    kind: AuditKind = strawberry.field(description="What is audited, and by whom.")
    lead_auditor_id: strawberry.ID = strawberry.field(description=LEAD)
    planned_on: date = strawberry.field(description=PLANNED_ON)
    scope: str | None = strawberry.field(default=strawberry.UNSET, description=SCOPE)
    department_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=DEPARTMENT)
    checklist: list[AuditQuestionInput] = strawberry.field(
        default_factory=list, description="What is asked; at most 300 questions, with those of `checklistOf`."
    )
    checklist_of: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="Another audit, `aud_…`, whose questions are asked again, before those of `checklist`.",
    )


@strawberry.input(description="What to change of an audit that is not reported yet. What is absent stays.")
class UpdateAuditInput:
    id: strawberry.ID = strawberry.field(description="The audit, `aud_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    reference: str | None = strawberry.field(default=strawberry.UNSET, description=REFERENCE)
    title: str | None = strawberry.field(default=strawberry.UNSET, description=TITLE)
    kind: AuditKind | None = strawberry.field(default=strawberry.UNSET, description="What is audited, and by whom.")
    scope: str | None = strawberry.field(default=strawberry.UNSET, description=SCOPE + " Null clears it.")
    department_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description=DEPARTMENT + " Null: it is not one department."
    )
    lead_auditor_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=LEAD)
    planned_on: date | None = strawberry.field(
        default=strawberry.UNSET, description=PLANNED_ON + " It stays once the audit has begun."
    )


@strawberry.input(description="The end of an audit.")
class ReportAuditInput:
    id: strawberry.ID = strawberry.field(description="The audit, `aud_…`.")
    expected_version: int | None = strawberry.field(
        default=None, description=EXPECTED_VERSION + " Null: whatever the version."
    )
    summary: str = strawberry.field(
        description="What the auditors saw: plain text with line breaks, at most 10,000 characters."
    )


PREFIXES = {"department_id": "dep", "lead_auditor_id": "usr", "checklist_of": "aud"}


def questions(asked: list[AuditQuestionInput]) -> list[Question]:
    return [Question(each.question, each.requirement or None) for each in asked]


@mutation(requires=Permission.QUALITY_MANAGE, entity=("audit", Audit))
async def plan_audit(ctx: Ctx, input: PlanAuditInput) -> UUID:
    """Plan an audit, with its checklist."""
    values = given(input, but=("checklist",), prefixes=PREFIXES)
    return await audits.plan(ctx, checklist=questions(input.checklist), **values)


@mutation(requires=Permission.QUALITY_MANAGE, entity=("audit", Audit))
async def update_audit(ctx: Ctx, input: UpdateAuditInput) -> UUID:
    """Change an audit until it is reported."""
    never_null = ("reference", "title", "kind", "lead_auditor_id", "planned_on")
    values = given(input, but=("id", "expected_version"), never_null=never_null, prefixes=PREFIXES)
    return await audits.update(
        ctx,
        ids.decode("aud", input.id),
        expected_version=input.expected_version,
        changes=typed(audits.Changes, values),
    )


AuditId = Annotated[strawberry.ID, strawberry.argument(description="The audit, `aud_…`.")]


@mutation(
    requires=Permission.QUALITY_MANAGE,
    payload={"deletedId": (strawberry.ID | None, "The audit that is gone; null when there are errors.")},
)
async def delete_audit(ctx: Ctx, id: AuditId, expected_version: Version) -> dict[str, Any]:
    """Delete a planned audit with its checklist. One that has begun is kept: the error is IN_USE."""
    deleted = await audits.delete(ctx, ids.decode("aud", id), expected_version=expected_version)
    return {"deletedId": ids.encode("aud", deleted)}


@mutation(requires=Permission.AUDIT_PERFORM, entity=("audit", Audit))
async def start_audit(ctx: Ctx, id: AuditId, expected_version: VersionIfKnown = None) -> UUID:
    """Begin a planned audit today. It needs a checklist, and a lead auditor who is independent of the department."""
    return await audits.start(ctx, ids.decode("aud", id), expected_version=expected_version)


@mutation(requires=Permission.AUDIT_PERFORM, entity=("audit", Audit))
async def report_audit(ctx: Ctx, input: ReportAuditInput) -> UUID:
    """Report an audit: every question is answered, and every deviation has a finding. All that is missing is said at
    once."""
    return await audits.report(
        ctx, ids.decode("aud", input.id), summary=input.summary, expected_version=input.expected_version
    )


@mutation(requires=Permission.QUALITY_MANAGE, entity=("audit", Audit))
async def close_audit(ctx: Ctx, id: AuditId, expected_version: VersionIfKnown = None) -> UUID:
    """Close a reported audit. Each of its findings that is open is named in an error."""
    return await audits.close(ctx, ids.decode("aud", id), expected_version=expected_version)


QUERIES = [audit, audit_list, audit_aggregate]
MUTATIONS = [plan_audit, update_audit, delete_audit, start_audit, report_audit, close_audit]
SUBSCRIPTIONS = [changed(Audit)]
