"""Corrective and preventive actions in the graph."""

from datetime import date
from typing import cast as typed
from uuid import UUID

import strawberry
from sqlalchemy import and_, func

from db.quality.actions import ActionStatus
from db.quality.actions import CorrectiveAction as CorrectiveActionRow
from domain.context import Ctx
from domain.permissions import Permission
from domain.quality import actions
from domain.quality.reminders import TO_BE_DONE
from graph.compiler.projection import column, computed, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.enums import describe
from graph.core.inputs import EXPECTED_VERSION, given
from graph.core.mutations import mutation
from graph.events.changed import changed

describe(
    ActionStatus,
    "How far a corrective action is.",
    {
        "PROPOSED": "Its owner's plan; it can still be changed.",
        "ACCEPTED": "The plan is good, and is carried out; also when a verification found that it did not work.",
        "REJECTED": "The plan is not good, or no longer; another one is needed.",
        "IMPLEMENTED": "It is done, and waits for somebody else to verify it.",
        "VERIFIED": "Somebody else has seen that it works.",
    },
)


@projection(
    CorrectiveActionRow,
    prefix="cap",
    requires=Permission.QUALITY_READ,
    default_order=("-createdAt",),
    logged=True,
)
class CorrectiveAction:
    """What is done about a finding: its root cause, what mends it, and what keeps it from coming back."""

    finding = to_one("Finding", "What it is about.", via="finding_id")
    finding_id = column("The id of the finding, for filters.", id_prefix="fnd", filter=True)
    status = column("How far it is.", enum=ActionStatus, filter=True, order=True)
    root_cause = column("Why it came to the finding, in plain text with line breaks.")
    corrective_action = column("What mends it, in plain text with line breaks.")
    preventive_action = column("What keeps it from coming back; null when nothing is planned for that.")
    owner = to_one("User", "Who does it; null for somebody whom you may not see.", via="owner_id", nullable=True)
    owner_id = column("The id of who does it, for filters.", id_prefix="usr", filter=True)
    target_on = column("The day it is to be done by.", filter=True, order=True)
    overdue = computed(
        "Whether it is still to be done and its target day over, in the organization's time zone, when it is asked.",
        bool,
        lambda m, actor: and_(
            m.status.in_([status.value for status in TO_BE_DONE]), m.target_on < func.local_today(actor.org_id)
        ),
        logged=False,
    )
    accepted_by = to_one(
        "User", "Who accepted the plan; null when nobody has, or you may not see them.", via="accepted_by_id"
    )
    accepted_on = column("The day the plan was accepted; null when it is not.")
    review_note = column("What was said when the plan was accepted or rejected; null when nothing was.")
    implemented_by = to_one(
        "User", "Who said that it is done; null when nobody has, or you may not see them.", via="implemented_by_id"
    )
    implemented_on = column("The day it was done; null before.", filter=True, order=True)
    implementation_note = column("What was done, and where that can be seen; null before.")
    evidence = to_one(
        "Document",
        "A document that shows what was done; null when there is none.",
        via="evidence_id",
        requires=Permission.DOCUMENT_READ,
    )
    verified_by = to_one(
        "User", "Who verified it; null when nobody has, or you may not see them.", via="verified_by_id"
    )
    verified_on = column("The day it was verified; null before.", filter=True, order=True)
    verification_note = column("What the last verification saw, be it that it works or not; null before the first.")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was proposed.", filter=True, order=True)
    updated_at = column("When it last changed.")


action = one("correctiveAction", CorrectiveAction, "A corrective action by id.")
action_list = many("correctiveActions", CorrectiveAction, "Corrective actions on all findings, the latest first.")
action_aggregate = aggregate(
    "correctiveActionAggregate", CorrectiveAction, "Counts of corrective actions, by status, owner or time."
)

ROOT_CAUSE = "Why it came to the finding: plain text with line breaks, at most 4,000 characters."
CORRECTIVE = "What mends it: plain text with line breaks, at most 4,000 characters."
PREVENTIVE = "What keeps it from coming back: plain text with line breaks, at most 4,000 characters."
TARGET_ON = "The day it is to be done by; today or later."
ID = "The corrective action, `cap_…`."
IF_KNOWN = EXPECTED_VERSION + " Null: whatever the version."


@strawberry.input(description="A plan for a finding.")
class ProposeCorrectiveActionInput:
    finding_id: strawberry.ID = strawberry.field(description="The finding, `fnd_…`; open.")
    root_cause: str = strawberry.field(description=ROOT_CAUSE)
    corrective_action: str = strawberry.field(description=CORRECTIVE)
    target_on: date = strawberry.field(description=TARGET_ON)
    preventive_action: str | None = strawberry.field(default=strawberry.UNSET, description=PREVENTIVE)
    owner_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Who does it, `usr_…`; the finding's owner when absent."
    )


@strawberry.input(description="What to change of a plan that is only proposed. What is absent stays.")
class UpdateCorrectiveActionInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    root_cause: str | None = strawberry.field(default=strawberry.UNSET, description=ROOT_CAUSE)
    corrective_action: str | None = strawberry.field(default=strawberry.UNSET, description=CORRECTIVE)
    target_on: date | None = strawberry.field(default=strawberry.UNSET, description=TARGET_ON)
    preventive_action: str | None = strawberry.field(
        default=strawberry.UNSET, description=PREVENTIVE + " Null: nothing is planned for that."
    )
    owner_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Who does it, `usr_…`.")


@strawberry.input(description="A good plan.")
class AcceptCorrectiveActionInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    note: str | None = strawberry.field(default=strawberry.UNSET, description="A remark, at most 4,000 characters.")


@strawberry.input(description="A plan that is not good.")
class RejectCorrectiveActionInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    reason: str = strawberry.field(description="Why, at most 4,000 characters.")


@strawberry.input(description="What was done.")
class ImplementCorrectiveActionInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    note: str = strawberry.field(description="What was done, and where that can be seen; at most 4,000 characters.")
    evidence_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A document that shows it, `doc_…`; uploaded as EVIDENCE."
    )


@strawberry.input(description="What somebody else saw of it.")
class VerifyCorrectiveActionInput:
    id: strawberry.ID = strawberry.field(description=ID)
    expected_version: int | None = strawberry.field(default=None, description=IF_KNOWN)
    effective: bool = strawberry.field(description="Whether it works; if not, it goes back to its owner.")
    note: str = strawberry.field(description="What was looked at, and what was seen; at most 4,000 characters.")


@mutation(requires=Permission.FINDING_RESPOND, entity=("correctiveAction", CorrectiveAction))
async def propose_corrective_action(ctx: Ctx, input: ProposeCorrectiveActionInput) -> UUID:
    """Plan what to do about a finding of your own (or, with QUALITY_MANAGE, anybody's)."""
    return await actions.propose(ctx, **given(input, prefixes={"finding_id": "fnd", "owner_id": "usr"}))


@mutation(requires=Permission.FINDING_RESPOND, entity=("correctiveAction", CorrectiveAction))
async def update_corrective_action(ctx: Ctx, input: UpdateCorrectiveActionInput) -> UUID:
    """Change a plan while it is only proposed: of an action or a finding of your own, or with QUALITY_MANAGE."""
    never_null = ("root_cause", "corrective_action", "target_on", "owner_id")
    values = given(input, but=("id", "expected_version"), never_null=never_null, prefixes={"owner_id": "usr"})
    return await actions.update(
        ctx,
        ids.decode("cap", input.id),
        expected_version=input.expected_version,
        changes=typed(actions.Changes, values),
    )


@mutation(requires=Permission.QUALITY_MANAGE, entity=("correctiveAction", CorrectiveAction))
async def accept_corrective_action(ctx: Ctx, input: AcceptCorrectiveActionInput) -> UUID:
    """Accept a proposed plan. Its owner cannot, and its target day must be one that the finding can be given."""
    return await actions.accept(
        ctx, ids.decode("cap", input.id), note=input.note or None, expected_version=input.expected_version
    )


@mutation(requires=Permission.QUALITY_MANAGE, entity=("correctiveAction", CorrectiveAction))
async def reject_corrective_action(ctx: Ctx, input: RejectCorrectiveActionInput) -> UUID:
    """Reject a plan that is proposed or accepted: another one is needed."""
    return await actions.reject(
        ctx, ids.decode("cap", input.id), reason=input.reason, expected_version=input.expected_version
    )


@mutation(requires=Permission.FINDING_RESPOND, entity=("correctiveAction", CorrectiveAction))
async def implement_corrective_action(ctx: Ctx, input: ImplementCorrectiveActionInput) -> UUID:
    """Say that an accepted action of your own (or, with QUALITY_MANAGE, anybody's) is done."""
    return await actions.implement(
        ctx,
        ids.decode("cap", input.id),
        note=input.note,
        evidence_id=ids.decode("doc", input.evidence_id) if input.evidence_id else None,
        expected_version=input.expected_version,
    )


@mutation(requires=Permission.AUDIT_PERFORM, entity=("correctiveAction", CorrectiveAction))
async def verify_corrective_action(ctx: Ctx, input: VerifyCorrectiveActionInput) -> UUID:
    """Verify an action that was done. Whoever owns or implemented it cannot. One that does not work goes back to its
    owner, as ACCEPTED."""
    return await actions.verify(
        ctx,
        ids.decode("cap", input.id),
        effective=input.effective,
        note=input.note,
        expected_version=input.expected_version,
    )


QUERIES = [action, action_list, action_aggregate]
MUTATIONS = [
    propose_corrective_action,
    update_corrective_action,
    accept_corrective_action,
    reject_corrective_action,
    implement_corrective_action,
    verify_corrective_action,
]
SUBSCRIPTIONS = [changed(CorrectiveAction)]
