"""Findings in the graph."""

from datetime import date
from typing import cast as typed
from uuid import UUID

import strawberry
from sqlalchemy import and_, func

from db.quality.findings import Finding as FindingRow
from db.quality.findings import FindingLevel, FindingStatus
from domain.context import Ctx
from domain.permissions import Permission
from domain.quality import findings
from graph.compiler.projection import column, computed, projection, to_many, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    FindingLevel,
    "How grave a finding is, as competent authorities classify (145.B.350).",
    {
        "LEVEL_1": "It lowers safety or endangers flights: an immediate action is due the day it is raised, and from "
        "then on the rest as at level 2.",
        "LEVEL_2": "Another non-compliance: to be closed within the organization's `findingDays` (90 unless set), once "
        "extended on an accepted plan.",
        "OBSERVATION": "No non-compliance, but advice: nothing is due.",
    },
)
describe(
    FindingStatus,
    "Whether a finding is mended.",
    {"OPEN": "It is worked on.", "CLOSED": "It is mended, and that was verified; it does not change any more."},
)


@projection(FindingRow, prefix="fnd", requires=Permission.QUALITY_READ, default_order=("-number",), logged=True)
class Finding:
    """Something that does not comply, found in an audit or otherwise, and what becomes of it."""

    number = column("Its number in the organization, from 1 without gaps.", filter=True, order=True, unique=True)
    title = column("What it is, in a line.", filter=True, order=True, search=True)
    description = column("What was seen, in plain text with line breaks.", search=True)
    requirement = column(
        "What it does not comply with, as in `145.A.48(a)(3)`; null when not stated.",
        filter=True,
        order=True,
        search=True,
    )
    level = column("How grave it is.", enum=FindingLevel, filter=True, order=True)
    status = column("Whether it is mended.", enum=FindingStatus, filter=True, order=True)
    audit = to_one("Audit", "The audit that found it; null when it was found otherwise.", via="audit_id")
    audit_id = column("The id of the audit, for filters.", id_prefix="aud", filter=True)
    item = to_one("AuditChecklistItem", "The question it was found at; null when at none.", via="item_id")
    item_id = column("The id of the question, for filters.", id_prefix="aci", filter=True)
    department = to_one(
        "Department",
        "The department it concerns: its leads hear when it is overdue; null for none.",
        via="department_id",
    )
    department_id = column("The id of the department, for filters.", id_prefix="dep", filter=True)
    owner = to_one("User", "Who answers for it; null for somebody whom you may not see.", via="owner_id", nullable=True)
    owner_id = column("The id of who answers for it, for filters.", id_prefix="usr", filter=True)
    raised_by = to_one(
        "User", "Who raised it; null for the platform, and for somebody whom you may not see.", via="raised_by_id"
    )
    raised_on = column("The day it was communicated in writing: periods count from it.", filter=True, order=True)
    due_on = column(
        "The last day in time. Of a level 1 finding: for the immediate action, and once that was taken for the rest. "
        "Null for an observation.",
        filter=True,
        order=True,
    )
    first_due_on = column("`dueOn` before it was extended; null for an observation.")
    overdue = computed(
        "Whether it is open and its due day over, in the organization's time zone, when it is asked.",
        bool,
        lambda m, actor: func.coalesce(
            and_(m.status == FindingStatus.OPEN.value, m.due_on < func.local_today(actor.org_id)), False
        ),
        logged=False,
    )
    immediate_action = column("What was done at once; null while nothing is recorded.")
    contained_on = column("The day the immediate action was recorded; null before.")
    extended_on = column("The day its period was extended; null when it never was.")
    extension_reason = column("Why it was extended; null when it never was.")
    closed_by = to_one(
        "User", "Who closed it; null while it is open, and for somebody whom you may not see.", via="closed_by_id"
    )
    closed_on = column("The day it was closed; null while it is open.", filter=True, order=True)
    closing_note = column("What was said when it was closed; null when nothing was.")
    actions = to_many("CorrectiveAction", "What is done about it.", via="finding_id")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was entered.", filter=True, order=True)
    updated_at = column("When it last changed.")


finding = one("finding", Finding, "A finding by id.")
finding_list = many("findings", Finding, "The organization's findings, the latest first.")
finding_aggregate = aggregate(
    "findingAggregate", Finding, "Counts of findings, by level, status, department, requirement or time."
)

TITLE = "What it is, in a line; at most 200 characters."
DESCRIPTION = "What was seen: plain text with line breaks, at most 4,000 characters."
REQUIREMENT = "What it does not comply with, as in `145.A.48(a)(3)`; at most 200 characters."
DEPARTMENT = "The department it concerns, `dep_…`."
OWNER = "Who answers for it, `usr_…`; a member of the organization."
ID = "The finding, `fnd_…`."
IF_KNOWN = EXPECTED_VERSION + " Null: whatever the version."


@strawberry.input(description="A new finding.")
class RaiseFindingInput:
    level: FindingLevel = strawberry.field(description="How grave it is.")
    title: str = strawberry.field(description=TITLE)
    description: str = strawberry.field(description=DESCRIPTION)
    owner_id: strawberry.ID = strawberry.field(description=OWNER)
    requirement: str | None = strawberry.field(default=strawberry.UNSET, description=REQUIREMENT)
    department_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=DEPARTMENT)
    audit_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The audit that found it, `aud_…`; in progress. Absent: found otherwise."
    )
    item_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The question of that audit, `aci_…`."
    )
    raised_on: date | None = strawberry.field(
        default=strawberry.UNSET,
        description="The day it was communicated in writing, not in the future; today when absent.",
    )
    due_on: date | None = strawberry.field(
        default=strawberry.UNSET, description="An earlier due day than the period gives; for level 2 only."
    )


@strawberry.input(description="What to change of an open finding. What is absent stays; null clears what may be null.")
class UpdateFindingInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    title: str | None = strawberry.field(default=strawberry.UNSET, description=TITLE)
    description: str | None = strawberry.field(default=strawberry.UNSET, description=DESCRIPTION)
    requirement: str | None = strawberry.field(default=strawberry.UNSET, description=REQUIREMENT)
    department_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=DEPARTMENT)
    owner_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description=OWNER)


@strawberry.input(description="Another level of a finding.")
class ClassifyFindingInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    level: FindingLevel = strawberry.field(description="How grave it is. It is due anew, from the day it was raised.")
    reason: str = strawberry.field(description="Why, at most 4,000 characters; kept in its history.")


@strawberry.input(description="What was done at once about a finding.")
class ContainFindingInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    immediate_action: str = strawberry.field(
        description="What was done, so that it does no harm: plain text with line breaks, at most 4,000 characters."
    )


@strawberry.input(description="More time for a level 2 finding.")
class ExtendFindingInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    due_on: date = strawberry.field(
        description="The new last day: at most the organization's `findingDays` after the one before."
    )
    reason: str = strawberry.field(description="Why, at most 4,000 characters.")


@strawberry.input(description="The end of a finding.")
class CloseFindingInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    note: str | None = strawberry.field(default=strawberry.UNSET, description="A remark, at most 4,000 characters.")


PREFIXES = {"department_id": "dep", "owner_id": "usr", "audit_id": "aud", "item_id": "aci"}


@mutation(requires=Permission.AUDIT_PERFORM, entity=("finding", Finding))
async def raise_finding(ctx: Ctx, input: RaiseFindingInput) -> UUID:
    """Raise a finding: in an audit that is in progress, or otherwise. Its due day follows from its level."""
    return await findings.raise_(ctx, **given(input, prefixes=PREFIXES))


@mutation(requires=Permission.AUDIT_PERFORM, entity=("finding", Finding))
async def update_finding(ctx: Ctx, input: UpdateFindingInput) -> UUID:
    """Change the words of an open finding, or who answers for it."""
    never_null = ("title", "description", "owner_id")
    values = given(input, but=("id", "expected_version"), never_null=never_null, prefixes=PREFIXES)
    return await findings.update(
        ctx,
        ids.decode("fnd", input.id),
        expected_version=input.expected_version,
        changes=typed(findings.Changes, values),
    )


@mutation(requires=Permission.QUALITY_MANAGE, entity=("finding", Finding))
async def classify_finding(ctx: Ctx, input: ClassifyFindingInput) -> UUID:
    """Give an open finding another level, and with it another due day. A finding that was extended before is not
    extended again."""
    return await findings.classify(
        ctx,
        ids.decode("fnd", input.id),
        level=input.level,
        reason=input.reason,
        expected_version=input.expected_version,
    )


@mutation(requires=Permission.FINDING_RESPOND, entity=("finding", Finding))
async def contain_finding(ctx: Ctx, input: ContainFindingInput) -> UUID:
    """Record the immediate action on a finding of your own (or on anybody's, with QUALITY_MANAGE). From then on a
    level 1 finding has as many days as one of level 2."""
    return await findings.contain(
        ctx,
        ids.decode("fnd", input.id),
        immediate_action=input.immediate_action,
        expected_version=input.expected_version,
    )


@mutation(requires=Permission.QUALITY_MANAGE, entity=("finding", Finding))
async def extend_finding(ctx: Ctx, input: ExtendFindingInput) -> UUID:
    """Extend the period of a level 2 finding: once, before it ends, and when a corrective action is accepted."""
    return await findings.extend(
        ctx,
        ids.decode("fnd", input.id),
        due_on=input.due_on,
        reason=input.reason,
        expected_version=input.expected_version,
    )


@mutation(requires=Permission.QUALITY_MANAGE, entity=("finding", Finding))
async def close_finding(ctx: Ctx, input: CloseFindingInput) -> UUID:
    """Close a finding: a corrective action of it was verified, and none is unfinished; at level 1 an immediate action
    was taken. An observation needs neither. All that is missing is said at once."""
    return await findings.close(
        ctx, ids.decode("fnd", input.id), note=input.note or None, expected_version=input.expected_version
    )


QUERIES = [finding, finding_list, finding_aggregate]
MUTATIONS = [raise_finding, update_finding, classify_finding, contain_finding, extend_finding, close_finding]
SUBSCRIPTIONS = [changed(Finding)]
