"""Compliance monitoring of the demo's maintenance organization: an audit with findings, and one that is planned."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from db.identity.departments import Department
from db.identity.organizations import Organization, OrganizationKind
from db.identity.users import User
from db.quality.audits import Audit, AuditChecklistItem, AuditKind, ChecklistResult
from db.quality.findings import FindingLevel
from db.session import Database
from domain.context import Actor, Ctx
from domain.fleet.support import today
from domain.quality import actions, audits, checklists, findings
from domain.quality.checklists import Answer, Question

AUDITED_DAYS_AGO = 95
CHECKLIST = (
    Question("Are tools controlled and accounted for after each task?", "145.A.48(a)(1)"),
    Question("Is test equipment within its calibration?", "145.A.40(b)"),
    Question("Are working conditions in the hangar suited to the task?", "145.A.25(c)"),
    Question("Are unserviceable components segregated?", "145.A.42(c)"),
)


async def load(db: Database, actor: Actor) -> None:
    """Fill a maintenance organization that has a quality manager and no audit; otherwise do nothing."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        # Two loads at once would each see no audit: the second waits here.
        kind = await session.scalar(
            select(Organization.kind).where(Organization.id == actor.org_id).with_for_update(key_share=True)
        )
        people = {row.email.partition("@")[0]: row.id for row in await session.execute(select(User.email, User.id))}
        places = {row.name: row.id for row in await session.execute(select(Department.name, Department.id))}
        known = people.keys() >= {"quality", "engineer", "stores"} and "Base maintenance" in places
        if kind != OrganizationKind.AMO or not known or await session.scalar(select(Audit.id).limit(1)):
            return
        quality = replace(actor, user_id=people["quality"])
        then = Ctx(actor, session).now - timedelta(days=AUDITED_DAYS_AGO)
        audit = await _audit(Ctx(quality, session, then), people, places["Base maintenance"])
        await _planned(Ctx(quality, session), people, audit)


async def _audit(then: Ctx, people: dict[str, UUID], department_id: UUID) -> UUID:
    """A quarter ago: what was found then is overdue by now, where nobody did anything about it."""
    day = await today(then)
    audit = await audits.plan(
        then,
        reference=f"QA-{day.year}-07",
        title="Base maintenance, hangar 2",
        kind=AuditKind.SYSTEM,
        lead_auditor_id=people["quality"],
        planned_on=day,
        department_id=department_id,
        checklist=CHECKLIST,
    )
    await audits.start(then, audit)
    items = await then.session.scalars(
        select(AuditChecklistItem.id).where(AuditChecklistItem.audit_id == audit).order_by(AuditChecklistItem.position)
    )
    found = items.all()
    deviates, fine = ChecklistResult.DEVIATES, ChecklistResult.CONFORMS
    results = (deviates, deviates, fine, fine)
    remarks = ("Two torque wrenches were not signed out.", "Tyre gauge TG-11 expired three weeks ago.", None, None)
    given = [Answer(*each) for each in zip(found, results, remarks, strict=True)]
    await checklists.answer(then, audit, answers=given)
    calibration = await findings.raise_(
        then,
        level=FindingLevel.LEVEL_2,
        title="Test equipment is used beyond its calibration",
        description="Tyre gauge TG-11 was due on the first of the month and was on the line trolley.",
        requirement="145.A.40(b)",
        owner_id=people["stores"],
        department_id=department_id,
        audit_id=audit,
        item_id=found[1],
    )
    await findings.raise_(
        then,
        level=FindingLevel.LEVEL_2,
        title="Tools are taken without signing",
        description="Torque wrenches TW-04 and TW-09 were in the hangar, and in the store by its register.",
        requirement="145.A.48(a)(1)",
        owner_id=people["engineer"],
        department_id=department_id,
        audit_id=audit,
        item_id=found[0],
    )
    await audits.report(then, audit, summary="Two findings of level 2; the hangar itself is in good order.")
    await actions.propose(
        Ctx(replace(then.actor, user_id=people["stores"]), then.session, then.now + timedelta(days=10)),
        finding_id=calibration,
        root_cause="The register warns a week ahead, and nobody looks at it at weekends.",
        corrective_action="Gauge withdrawn and calibrated; all gauges of the line store checked.",
        preventive_action="The register mails the storekeeper 30 days ahead.",
        target_on=day + timedelta(days=80),
    )
    return audit


async def _planned(now: Ctx, people: dict[str, UUID], like: UUID) -> None:
    """The next one asks what the last one asked."""
    day = await today(now)
    await audits.plan(
        now,
        reference=f"QA-{day.year}-11",
        title="Line station Faro",
        kind=AuditKind.PRODUCT,
        lead_auditor_id=people["quality"],
        planned_on=day + timedelta(days=20),
        checklist_of=like,
    )
