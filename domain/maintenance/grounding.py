"""Why an aircraft may not fly, as far as its defects go."""

from datetime import date

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.maintenance.defects import Defect, DefectStatus, Deferral, overdue
from domain.context import Ctx
from domain.fleet.rules.hours import as_hours


async def obstacles(ctx: Ctx, aircraft: Aircraft, on: date) -> list[str]:
    """A sentence for each defect that is neither rectified nor deferred, and for each deferral that is overdue."""
    opened = await ctx.session.execute(
        select(Defect.number, Defect.found_on)
        .where(Defect.org_id == aircraft.org_id, Defect.aircraft_id == aircraft.id, Defect.status == DefectStatus.OPEN)
        .order_by(Defect.number)
    )
    deferred = await ctx.session.execute(
        select(Defect.number, Deferral)
        .join(Deferral, (Deferral.org_id == Defect.org_id) & (Deferral.defect_id == Defect.id))
        .join(Aircraft, (Aircraft.org_id == Deferral.org_id) & (Aircraft.id == Deferral.aircraft_id))
        .where(Aircraft.org_id == aircraft.org_id, Aircraft.id == aircraft.id, overdue(Deferral, Aircraft, on))
        .order_by(Defect.number)
    )
    return [
        *(
            f"Defect {number}, found on {found_on}, is open: rectify it or defer it under the MEL."
            for number, found_on in opened
        ),
        *(
            f"The deferral of defect {number} (MEL {deferral.mel_item}, category {deferral.category}) is overdue:"
            f" {limit(deferral)}. The aircraft is grounded until it is rectified."
            for number, deferral in deferred
        ),
    ]


def limit(deferral: Deferral) -> str:
    """The limit in words."""
    parts = (
        deferral.due_on and f"its last day was {deferral.due_on}",
        deferral.due_minutes is not None and f"its limit is {as_hours(deferral.due_minutes)} h",
        deferral.due_cycles is not None and f"its limit is {deferral.due_cycles} cycles",
    )
    return ", ".join(part for part in parts if part)
