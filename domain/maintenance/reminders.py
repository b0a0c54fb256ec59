"""What of maintenance has a day that people must not miss: directives on aircraft, and deferred defects."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.maintenance.defects import Defect, Deferral
from db.maintenance.due import DueItem, DueKind
from db.quality.reminders import ReminderRule
from domain.reminders.rules import Reminder, horizon


async def due(session: AsyncSession, today: date) -> list[Reminder]:
    """Of the session's organization, what can have a step by `today`."""
    return [*await _directives(session, today), *await _deferrals(session, today)]


async def _directives(session: AsyncSession, today: date) -> list[Reminder]:
    """Where hours or cycles limit, the day is a forecast that moves with what is flown; the limit itself does not, so
    that is what they are told apart by."""
    rule, item = ReminderRule.DIRECTIVE, DueItem
    rows = await session.execute(
        select(item, Aircraft.registration)
        .join(Aircraft, (Aircraft.org_id == item.org_id) & (Aircraft.id == item.aircraft_id))
        .where(
            item.kind == DueKind.DIRECTIVE,
            item.forecast_on <= horizon(rule, today),
            Aircraft.status.in_((AircraftStatus.ACTIVE, AircraftStatus.MAINTENANCE)),
        )
    )
    return [
        Reminder(
            rule,
            "ac",
            row.aircraft_id,
            row.forecast_on,
            f"Directive {row.code} on {registration}",
            occurrence=f"{row.directive_id} {row.due_on} {row.due_minutes} {row.due_cycles}",
        )
        for row, registration in rows
        if row.forecast_on is not None
    ]


async def _deferrals(session: AsyncSession, today: date) -> list[Reminder]:
    rule, row = ReminderRule.DEFERRAL, Deferral
    rows = await session.execute(
        select(row.id, row.due_on, row.category, row.mel_item, row.signatory_id, Defect.number, Aircraft.registration)
        .join(Defect, (Defect.org_id == row.org_id) & (Defect.id == row.defect_id))
        .join(Aircraft, (Aircraft.org_id == row.org_id) & (Aircraft.id == row.aircraft_id))
        .where(row.ended_on.is_(None), row.due_on <= horizon(rule, today))
    )
    return [
        Reminder(
            rule,
            "dl",
            id,
            due_on,
            f"Defect {number} of {registration}, deferred under MEL {item} ({category}),",
            signatory_id,
        )
        for id, due_on, category, item, signatory_id, number, registration in rows
        if due_on is not None
    ]
