"""What is overdue on an aircraft, for what depends on it: releases and reminders."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select

from db.maintenance.due import DueKind, DuePoint, DueState, UtilisationRate
from domain.context import Ctx
from domain.maintenance.rules.due import Rate, assess, overdue_text
from domain.maintenance.rules.intervals import Due, Tolerance


@dataclass(frozen=True)
class DueItem:
    """Something that is overdue; `limiting` says by how much, as in "12:30 h and 3 days over"."""

    kind: DueKind
    id: UUID
    title: str
    limiting: str
    airworthiness_limitation: bool


async def overdue(ctx: Ctx, aircraft_id: UUID, on: date) -> list[DueItem]:
    """What would be overdue on a day, at what the aircraft has flown by now; tolerances are used up by then."""
    rows = await ctx.session.execute(
        select(DuePoint, UtilisationRate)
        .join(
            UtilisationRate,
            (UtilisationRate.org_id == DuePoint.org_id) & (UtilisationRate.id == DuePoint.aircraft_id),
        )
        .where(DuePoint.org_id == ctx.actor.org_id, DuePoint.aircraft_id == aircraft_id)
        .order_by(DuePoint.kind, DuePoint.code, DuePoint.id)
        .execution_options(populate_existing=True)
    )
    found = []
    for point, rate in rows:
        assessed = assess(
            Due(point.due_minutes, point.due_cycles, point.due_on),
            (point.life_minutes, point.life_cycles),
            Tolerance(point.tolerance_minutes, point.tolerance_cycles, point.tolerance_days),
            today=on,
            rate=Rate(rate.days, rate.minutes, rate.cycles),
            soon=rate.due_soon_days,
        )
        if assessed.state is DueState.OVERDUE:
            title = f"{point.code} {point.title}"
            text = overdue_text(assessed)
            found.append(DueItem(DueKind(point.kind), point.id, title, text, point.airworthiness_limitation))
    return found
