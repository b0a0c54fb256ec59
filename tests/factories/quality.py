"""Audits, findings and corrective actions, made by the domain commands."""

from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from db.quality.audits import AuditKind
from db.quality.findings import FindingLevel
from db.session import Database
from domain.context import Actor
from domain.quality import actions, audits, findings
from domain.quality.checklists import Question
from tests.factories.fleet import command

_numbers = count(1)


async def audit(db: Database, actor: Actor, *, now: datetime | None = None, **values: Any) -> UUID:
    """A planned audit with one question, led by the actor."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "reference": f"AUD-{number}",
        "title": "Tool control",
        "kind": AuditKind.SYSTEM,
        "lead_auditor_id": actor.user_id,
        "planned_on": (now or datetime.now(UTC)).date(),
        "checklist": [Question("Are tools accounted for?", "145.A.40")],
    }
    async with command(db, actor, now=now) as ctx:
        return await audits.plan(ctx, **(defaults | values))


async def finding(db: Database, actor: Actor, *, now: datetime | None = None, **values: Any) -> UUID:
    """A level 2 finding outside of audits, owned by the actor."""
    defaults: dict[str, Any] = {
        "level": FindingLevel.LEVEL_2,
        "title": "Torque wrench out of calibration",
        "description": "TW-17 was due in March.",
        "owner_id": actor.user_id,
    }
    async with command(db, actor, now=now) as ctx:
        return await findings.raise_(ctx, **(defaults | values))


async def action(
    db: Database, actor: Actor, finding_id: UUID, *, target_on: date, now: datetime | None = None, **values: Any
) -> UUID:
    defaults: dict[str, Any] = {"root_cause": "No recall list.", "corrective_action": "Calibrate TW-17."}
    async with command(db, actor, now=now) as ctx:
        return await actions.propose(ctx, finding_id=finding_id, target_on=target_on, **(defaults | values))
