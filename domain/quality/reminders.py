"""What of compliance monitoring is due: audits to begin, findings and corrective actions to finish."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.quality.actions import ActionStatus, CorrectiveAction
from db.quality.audits import Audit, AuditStatus
from db.quality.findings import Finding, FindingLevel, FindingStatus
from db.quality.reminders import ReminderRule
from domain.reminders.rules import Reminder, horizon

TO_BE_DONE = (ActionStatus.PROPOSED, ActionStatus.ACCEPTED)


async def due(session: AsyncSession, today: date) -> list[Reminder]:
    """Of the session's organization, what can have a step by `today`."""
    return [*await _audits(session, today), *await _findings(session, today), *await _actions(session, today)]


async def _audits(session: AsyncSession, today: date) -> list[Reminder]:
    rule = ReminderRule.AUDIT
    rows = await session.scalars(
        select(Audit).where(Audit.status == AuditStatus.PLANNED, Audit.planned_on <= horizon(rule, today))
    )
    # Whoever leads the audited department has no say in when it is audited.
    return [
        Reminder(rule, "aud", row.id, row.planned_on, f"Audit {row.reference} “{row.title}”", row.lead_auditor_id)
        for row in rows
    ]


async def _findings(session: AsyncSession, today: date) -> list[Reminder]:
    rows = await session.scalars(
        select(Finding).where(
            Finding.status == FindingStatus.OPEN, Finding.due_on <= horizon(ReminderRule.FINDING, today)
        )
    )
    return [
        Reminder(_rule(row), "fnd", row.id, row.due_on, f"Finding {_finding(row)}", row.owner_id, row.department_id)
        for row in rows
        if row.due_on is not None
    ]


async def _actions(session: AsyncSession, today: date) -> list[Reminder]:
    rule = ReminderRule.CORRECTIVE_ACTION
    rows = await session.execute(
        select(CorrectiveAction, Finding)
        .join(Finding, (Finding.org_id == CorrectiveAction.org_id) & (Finding.id == CorrectiveAction.finding_id))
        .where(CorrectiveAction.status.in_(TO_BE_DONE), CorrectiveAction.target_on <= horizon(rule, today))
    )
    return [
        Reminder(
            rule,
            "cap",
            action.id,
            action.target_on,
            f"The corrective action for finding {_finding(finding)}",
            action.owner_id,
            finding.department_id,
        )
        for action, finding in rows
    ]


def _rule(row: Finding) -> ReminderRule:
    at_once = row.level == FindingLevel.LEVEL_1 and row.contained_on is None
    return ReminderRule.IMMEDIATE_ACTION if at_once else ReminderRule.FINDING


def _finding(row: Finding) -> str:
    return f"{row.number} “{row.title}”"
