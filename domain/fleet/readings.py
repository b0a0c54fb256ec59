"""What an aircraft's utilisation log said on a day."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Select, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from domain.context import Ctx
from domain.fleet.rules.components import DayTotals
from domain.fleet.rules.utilisation import Amount


def _totals() -> Select[*tuple[Any, ...]]:
    entry, opening = UtilisationEntry, aliased(UtilisationEntry)
    opened = select(opening.id).where(
        opening.org_id == entry.org_id,
        opening.aircraft_id == entry.aircraft_id,
        opening.kind == UtilisationKind.OPENING,
    )
    day = bindparam("day", type_=Date)
    before = entry.flown_on < day
    after = or_(entry.flown_on <= day, entry.kind == UtilisationKind.OPENING, entry.corrects_id.in_(opened))
    sums = (
        func.coalesce(func.sum(column).filter(when), 0)
        for when in (before, after)
        for column in (entry.minutes, entry.cycles)
    )
    return select(*sums).where(entry.org_id == bindparam("org_id"), entry.aircraft_id == bindparam("aircraft_id"))


TOTALS = _totals()  # making it takes longer than asking it


async def totals_on(ctx: Ctx, aircraft_id: UUID, day: date) -> DayTotals:
    """The totals before and after the flights of a day. Before the log began they are somewhere up to its opening."""
    about = {"org_id": ctx.actor.org_id, "aircraft_id": aircraft_id, "day": day}
    row = (await ctx.session.execute(TOTALS, about)).one()
    return DayTotals(Amount(int(row[0]), int(row[1])), Amount(int(row[2]), int(row[3])))
