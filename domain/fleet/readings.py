"""What an aircraft's utilisation log said on a day."""

from datetime import date
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from domain.context import Ctx
from domain.fleet.rules.components import DayTotals
from domain.fleet.rules.utilisation import Amount


async def totals_on(ctx: Ctx, aircraft_id: UUID, day: date) -> DayTotals:
    """The totals before and after the flights of a day. Before the log began they are somewhere up to its opening."""
    entry, opening = UtilisationEntry, aliased(UtilisationEntry)
    opened = select(opening.id).where(
        opening.org_id == entry.org_id,
        opening.aircraft_id == entry.aircraft_id,
        opening.kind == UtilisationKind.OPENING,
    )
    before = entry.flown_on < day
    after = or_(entry.flown_on <= day, entry.kind == UtilisationKind.OPENING, entry.corrects_id.in_(opened))
    sums = (
        func.coalesce(func.sum(column).filter(when), 0)
        for when in (before, after)
        for column in (entry.minutes, entry.cycles)
    )
    row = (
        await ctx.session.execute(
            select(*sums).where(entry.org_id == ctx.actor.org_id, entry.aircraft_id == aircraft_id)
        )
    ).one()
    return DayTotals(Amount(int(row[0]), int(row[1])), Amount(int(row[2]), int(row[3])))
