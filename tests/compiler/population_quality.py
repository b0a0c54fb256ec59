"""Audits, findings, corrective actions and reminders, in every state that the tables let them have."""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from db.quality.actions import ActionStatus, CorrectiveAction
from db.quality.audits import Audit, AuditChecklistItem, AuditKind, AuditStatus, ChecklistResult
from db.quality.findings import Finding, FindingLevel, FindingStatus
from db.quality.reminders import ReminderRule, ReminderSent

Rows = list[dict[str, Any]]
Uid = Callable[[int, int, int], UUID]
AUDIT, ITEM, FINDING, ACTION, REMINDER = 31, 32, 33, 34, 35
KINDS = {"aud": AUDIT, "aci": ITEM, "fnd": FINDING, "cap": ACTION, "rem": REMINDER}
DAY = date(2026, 1, 31)
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


async def populate(
    add: Callable[[Any, Rows], Awaitable[None]],
    rng: random.Random,
    uid: Uid,
    stamped: Callable[[random.Random], dict[str, Any]],
    org: UUID,
    index: int,
) -> None:
    """`add` inserts rows; `uid` and `stamped` are the population's."""
    people = [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)]
    departments = [None, *(uid(index, 3, n) for n in range(3))]
    audits = [_audit(rng, n) | {"id": uid(index, AUDIT, n), "lead_auditor_id": rng.choice(people)} for n in range(14)]
    for row in audits:
        row["department_id"] = rng.choice(departments)
    items = [
        _item(rng, n) | {"id": uid(index, ITEM, n), "audit_id": uid(index, AUDIT, n // 6), "position": n % 6 + 1}
        for n in range(30)
    ]
    findings = [_finding(rng, n, people) | {"id": uid(index, FINDING, n)} for n in range(24)]
    for n, row in enumerate(findings):
        row["department_id"] = rng.choice(departments)
        row["audit_id"] = uid(index, AUDIT, n % 4) if n % 3 else None
        row["item_id"] = uid(index, ITEM, n % 4 * 6 + n % 5) if n % 3 == 1 else None
    actions = [
        _action(rng, n, people, uid(index, 20, n % 3))
        | {"id": uid(index, ACTION, n), "finding_id": uid(index, FINDING, n % 9)}
        for n in range(30)
    ]
    for model, rows in ((Audit, audits), (AuditChecklistItem, items), (Finding, findings), (CorrectiveAction, actions)):
        await add(model, [{"org_id": org, **row, **stamped(rng)} for row in rows])
    subjects = [("fnd", uid(index, FINDING, 0)), ("cap", uid(index, ACTION, 1)), ("ac", uid(index, 7, 0))]
    subjects += [("fnd", uid(index, FINDING, 999)), ("xx", uid(index, 7, 0))]  # what is gone, and of no type
    await add(
        ReminderSent, [_reminder(rng, n, org, subjects, people) | {"id": uid(index, REMINDER, n)} for n in range(20)]
    )


def _some_day(rng: random.Random) -> date:
    return DAY + timedelta(days=rng.randint(-3, 3))


def _audit(rng: random.Random, n: int) -> dict[str, Any]:
    status = list(AuditStatus)[n % 4]
    place = list(AuditStatus).index(status)
    return {
        "reference": f"AUD-{n % 10}{chr(65 + n)}",
        "title": rng.choice(["Hangar", "hangar", "Zoë's stores", "日本"]),
        "kind": rng.choice(list(AuditKind)),
        "scope": rng.choice([None, "Line\nand base"]),
        "planned_on": _some_day(rng),
        "status": status,
        "started_on": _some_day(rng) if place > 0 else None,
        "reported_on": _some_day(rng) if place > 1 else None,
        "summary": "Seen" if place > 1 else None,
        "closed_on": _some_day(rng) if place > 2 else None,
    }


def _item(rng: random.Random, n: int) -> dict[str, Any]:
    result = rng.choice(list(ChecklistResult))
    checked = result is not ChecklistResult.NOT_CHECKED
    return {
        "requirement": rng.choice([None, "145.A.48(a)(3)", "145.A.25"]),
        "question": f"Is it so {n % 5}?",
        "result": result,
        "remark": rng.choice([None, "a\nb"]),
        "checked_by_id": None,
        "checked_at": MOMENT + timedelta(seconds=n % 3) if checked else None,
    }


def _finding(rng: random.Random, n: int, people: list[UUID]) -> dict[str, Any]:
    level, closed = rng.choice(list(FindingLevel)), n % 4 == 0
    contained = closed or rng.random() < 0.5
    due = None if level is FindingLevel.OBSERVATION else DAY + timedelta(days=rng.choice([4, 30, 3650]))
    extended = rng.random() < 0.3
    return {
        "number": n + 1,
        "title": rng.choice(["Torque wrench", "torque wrench", "Zoë's gauge", "日本"]),
        "description": rng.choice(["Out of calibration", 'said "so"', "a\nb"]),
        "requirement": rng.choice([None, "145.A.40(b)"]),
        "level": level,
        "status": FindingStatus.CLOSED if closed else FindingStatus.OPEN,
        "owner_id": rng.choice(people),
        "raised_by_id": rng.choice([None, *people]),
        "raised_on": _some_day(rng),
        "due_on": due,
        "first_due_on": due,
        "immediate_action": "Quarantined" if contained else None,
        "contained_on": DAY if contained else None,
        "extended_on": DAY if extended else None,
        "extension_reason": "Parts" if extended else None,
        "closed_by_id": rng.choice([None, *people]) if closed else None,
        "closed_on": _some_day(rng) if closed else None,
        "closing_note": rng.choice([None, "Seen"]) if closed else None,
    }


def _action(rng: random.Random, n: int, people: list[UUID], evidence: UUID) -> dict[str, Any]:
    status = list(ActionStatus)[n % 5]
    accepted = status in (ActionStatus.ACCEPTED, ActionStatus.IMPLEMENTED, ActionStatus.VERIFIED)
    done = status in (ActionStatus.IMPLEMENTED, ActionStatus.VERIFIED)
    owner, other, third = rng.sample(people, 3)
    return {
        "root_cause": "No reminder",
        "corrective_action": rng.choice(["Calibrate", "日本"]),
        "preventive_action": rng.choice([None, "A list"]),
        "owner_id": owner,
        "target_on": rng.choice([DAY, DAY + timedelta(days=1), date(2036, 2, 29)]),
        "status": status,
        "accepted_by_id": other if accepted else None,
        "accepted_on": DAY if accepted else None,
        "review_note": rng.choice([None, "Good"]),
        "implemented_by_id": third if done else None,
        "implemented_on": _some_day(rng) if done else None,
        "implementation_note": "Done" if done else None,
        "evidence_id": evidence if done and n % 2 else None,
        "verified_by_id": other if status is ActionStatus.VERIFIED else None,
        "verified_on": _some_day(rng) if status is ActionStatus.VERIFIED else None,
        "verification_note": rng.choice([None, "Works"]),
    }


def _reminder(
    rng: random.Random, n: int, org: UUID, subjects: list[tuple[str, UUID]], people: list[UUID]
) -> dict[str, Any]:
    subject_type, subject_id = subjects[n % len(subjects)]
    return {
        "org_id": org,
        "rule": rng.choice(list(ReminderRule)),
        "subject_type": subject_type,
        "subject_id": subject_id,
        "occurrence": f"{n}",
        "due_on": _some_day(rng),
        "step": rng.choice([-30, -7, 1]),
        "text": "It is due.",
        "people": rng.sample(people, rng.randint(1, 3)),
        "sent_at": MOMENT + timedelta(seconds=n % 4),
    }
