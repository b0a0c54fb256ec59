"""Commands on corrective and preventive actions. Each locks its finding first."""

from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from db.files.documents import DocumentPurpose
from db.quality.actions import ActionStatus, CorrectiveAction
from db.quality.findings import Finding
from domain import entities
from domain.context import Ctx
from domain.entities import change
from domain.errors import NotFoundError
from domain.files import documents
from domain.fleet.rules.refusals import Refusals
from domain.fleet.support import find, snapshot, today
from domain.permissions import Permission
from domain.quality.findings import check_open, check_responsible
from domain.quality.rules import actions as rules
from domain.quality.support import check_member, finding_days, refuse_all

PREFIX = "cap"
FIELDS = ("finding_id", "root_cause", "corrective_action", "preventive_action", "owner_id", "target_on")
NOT_ACCEPTED: dict[str, Any] = {"accepted_on": None, "accepted_by_id": None}
NOT_IMPLEMENTED: dict[str, Any] = dict.fromkeys(
    ("implemented_on", "implemented_by_id", "implementation_note", "evidence_id")
)


class Changes(TypedDict, total=False):
    """What to change; a key that is absent stays as it is. None clears an optional field."""

    root_cause: str
    corrective_action: str
    preventive_action: str | None
    owner_id: UUID
    target_on: date


async def propose(
    ctx: Ctx,
    *,
    finding_id: UUID,
    root_cause: str,
    corrective_action: str,
    target_on: date,
    preventive_action: str | None = None,
    owner_id: UUID | None = None,
) -> UUID:
    """`owner_id` is who will do it: the finding's owner unless given."""
    ctx.check(Permission.FINDING_RESPOND)
    finding = await entities.access(ctx, Finding, finding_id, "finding")
    refusals = Refusals()
    check_open(refusals, finding, "findingId")
    check_responsible(ctx, refusals, finding.owner_id, "findingId")
    given = {
        "root_cause": root_cause,
        "corrective_action": corrective_action,
        "preventive_action": preventive_action,
        "owner_id": owner_id or finding.owner_id,
        "target_on": target_on,
    }
    values = await _checked(ctx, refusals, given)
    refusals.finish()
    made = CorrectiveAction(org_id=ctx.actor.org_id, finding_id=finding.id, **values)
    ctx.session.add(made)
    await ctx.session.flush()
    ctx.record("corrective_action.created", PREFIX, made.id, after=snapshot(made, FIELDS))
    return made.id


async def update(ctx: Ctx, action_id: UUID, *, expected_version: int, changes: Changes) -> UUID:
    """Another plan, while it is only proposed."""
    ctx.check(Permission.FINDING_RESPOND)
    finding, found = await _access(ctx, action_id, expected_version)
    refusals = Refusals()
    _check(refusals, finding, found, ActionStatus.PROPOSED)
    if finding.owner_id != ctx.actor.user_id:
        check_responsible(ctx, refusals, found.owner_id, "id")
    values = await _checked(ctx, refusals, dict(changes))
    refusals.finish()
    before, after = change(found, **values)
    if after:
        await ctx.session.flush()
        ctx.record("corrective_action.updated", PREFIX, found.id, before=before, after=after)
    return found.id


async def accept(ctx: Ctx, action_id: UUID, *, note: str | None = None, expected_version: int | None = None) -> UUID:
    """The plan is good: it is to be done."""
    ctx.check(Permission.QUALITY_MANAGE)
    finding, found = await _access(ctx, action_id, expected_version)
    refusals = Refusals()
    _check(refusals, finding, found, ActionStatus.PROPOSED)
    obstacles = rules.acceptance_obstacles(
        owner=found.owner_id,
        actor=ctx.actor.user_id,
        target=found.target_on,
        due=finding.due_on,
        extended=finding.extended_on is not None,
        days=await finding_days(ctx),
    )
    refuse_all(refusals, obstacles, "id")
    text = refusals.optional(rules.review_note, note, "note")
    refusals.finish()
    accepted = {"accepted_on": await today(ctx), "accepted_by_id": ctx.actor.user_id, "review_note": text}
    await _move(ctx, found, "corrective_action.accepted", ActionStatus.ACCEPTED, **accepted)
    return found.id


async def reject(ctx: Ctx, action_id: UUID, *, reason: str, expected_version: int | None = None) -> UUID:
    """The plan is not good, or no longer: another one is needed."""
    ctx.check(Permission.QUALITY_MANAGE)
    finding, found = await _access(ctx, action_id, expected_version)
    refusals = Refusals()
    _check(refusals, finding, found, ActionStatus.PROPOSED, ActionStatus.ACCEPTED)
    text = refusals.take(rules.review_note, reason, "reason")
    refusals.finish()
    values = NOT_ACCEPTED | {"review_note": text}
    await _move(ctx, found, "corrective_action.rejected", ActionStatus.REJECTED, **values)
    return found.id


async def implement(
    ctx: Ctx, action_id: UUID, *, note: str, evidence_id: UUID | None = None, expected_version: int | None = None
) -> UUID:
    """It is done: what was done, and a document that shows it."""
    ctx.check(Permission.FINDING_RESPOND)
    finding, found = await _access(ctx, action_id, expected_version)
    refusals = Refusals()
    _check(refusals, finding, found, ActionStatus.ACCEPTED)
    check_responsible(ctx, refusals, found.owner_id, "id")
    text = refusals.take(rules.implementation_note, note, "note")
    if evidence_id and (problem := await documents.problem(ctx, evidence_id, DocumentPurpose.EVIDENCE)):
        refusals.add(problem.code, problem.message, "evidenceId")
    refusals.finish()
    done = {
        "implemented_on": await today(ctx),
        "implemented_by_id": ctx.actor.user_id,
        "implementation_note": text,
        "evidence_id": evidence_id,
    }
    await _move(ctx, found, "corrective_action.implemented", ActionStatus.IMPLEMENTED, **done)
    return found.id


async def verify(ctx: Ctx, action_id: UUID, *, effective: bool, note: str, expected_version: int | None = None) -> UUID:
    """Somebody else has looked: it works, or it goes back to its owner."""
    ctx.check(Permission.AUDIT_PERFORM)
    finding, found = await _access(ctx, action_id, expected_version)
    refusals = Refusals()
    _check(refusals, finding, found, ActionStatus.IMPLEMENTED)
    obstacles = rules.verification_obstacles(
        owner=found.owner_id, implementer=found.implemented_by_id, actor=ctx.actor.user_id
    )
    refuse_all(refusals, obstacles, "id")
    text = refusals.take(rules.verification_note, note, "note")
    refusals.finish()
    if effective:
        seen = {"verified_on": await today(ctx), "verified_by_id": ctx.actor.user_id, "verification_note": text}
        await _move(ctx, found, "corrective_action.verified", ActionStatus.VERIFIED, **seen)
    else:
        back = NOT_IMPLEMENTED | {"verification_note": text}
        await _move(ctx, found, "corrective_action.returned", ActionStatus.ACCEPTED, **back)
    return found.id


async def _access(ctx: Ctx, action_id: UUID, expected_version: int | None) -> tuple[Finding, CorrectiveAction]:
    seen = await find(ctx, CorrectiveAction, action_id)
    if seen is None:
        raise NotFoundError("There is no such corrective action.")
    finding = await entities.access(ctx, Finding, seen.finding_id, "finding")
    return finding, await entities.access(ctx, CorrectiveAction, action_id, "corrective action", expected_version)


def _check(refusals: Refusals, finding: Finding, found: CorrectiveAction, *allowed: ActionStatus) -> None:
    check_open(refusals, finding, "id")
    refuse_all(refusals, [rules.wrong_status(found.status, *allowed)], "id")


async def _move(ctx: Ctx, found: CorrectiveAction, event: str, status: ActionStatus, **values: Any) -> None:
    before, after = change(found, status=status.value, **values)
    await ctx.session.flush()
    ctx.record(event, PREFIX, found.id, before=before, after=after)


async def _checked(ctx: Ctx, refusals: Refusals, given: dict[str, Any]) -> dict[str, Any]:
    """The clean values of what is given; a refused one is None and its refusal kept."""
    values = dict(given)
    if "root_cause" in given:
        values["root_cause"] = refusals.take(rules.root_cause, given["root_cause"] or "", "rootCause")
    if "corrective_action" in given:
        values["corrective_action"] = refusals.take(
            rules.corrective_action, given["corrective_action"] or "", "correctiveAction"
        )
    if "preventive_action" in given:
        values["preventive_action"] = refusals.optional(
            rules.preventive_action, given["preventive_action"], "preventiveAction"
        )
    if "owner_id" in given:
        await check_member(ctx, refusals, given["owner_id"], "ownerId")
    if "target_on" in given:
        now_here = await today(ctx)
        values["target_on"] = refusals.take(lambda day: rules.target_on(day, now_here), given["target_on"], "targetOn")
    return values
