"""The log of days of maintenance work. Signing for work adds to it by itself; what was done elsewhere is stated."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from db.fleet.aircraft_types import AircraftType
from db.identity.organizations import Organization
from db.workforce.experience import ExperienceEntry
from domain.context import Ctx
from domain.entities import access, change
from domain.errors import ErrorCode
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.texts import clean, named
from domain.fleet.support import find, today
from domain.permissions import Permission
from domain.workforce.support import check_member, within

PREFIX = "exp"
MOST_DAYS = 1_000
LONGEST_WINDOW = 120
_source = named("The source", 200)


async def record(ctx: Ctx, user_id: UUID, on: date, aircraft_type_id: UUID | None, source: str) -> None:
    """Somebody worked on a day, as their signature shows; a day that the log has already is left as it is."""
    await _add(ctx, user_id, [on], aircraft_type_id, clean(source)[:200])


async def state(ctx: Ctx, *, user_id: UUID, days: Sequence[date], aircraft_type_id: UUID | None, source: str) -> int:
    """Add days that the platform has no signature of, as from a previous employer's log; returns how many were new."""
    ctx.check(Permission.WORKFORCE_MANAGE)
    refusals = Refusals()
    await check_member(ctx, refusals, user_id)
    now_here = await today(ctx)
    if not 1 <= len(days) <= MOST_DAYS:
        refusals.add(ErrorCode.OUT_OF_RANGE, f"Give 1 to {MOST_DAYS} days at once.", "days")
    for place, day in enumerate(days):
        if day > now_here:
            refusals.add(
                ErrorCode.OUT_OF_RANGE, f"{day} is in the future; state work that was done.", "days", str(place)
            )
    if aircraft_type_id is not None and await find(ctx, AircraftType, aircraft_type_id) is None:
        refusals.add(ErrorCode.NOT_FOUND, "There is no aircraft type with this id.", "aircraftTypeId")
    text = refusals.take(_source, source, "source")
    refusals.finish()
    assert text is not None
    return await _add(ctx, user_id, sorted(set(days)), aircraft_type_id, text)


async def _add(ctx: Ctx, user_id: UUID, days: Sequence[date], aircraft_type_id: UUID | None, source: str) -> int:
    rows = [
        {
            "org_id": ctx.actor.org_id,
            "id": uuid7(),
            "user_id": user_id,
            "worked_on": day,
            "aircraft_type_id": aircraft_type_id,
            "source": source,
            "recorder_id": ctx.actor.user_id,
        }
        for day in days
    ]
    statement = (
        insert(ExperienceEntry)
        .values(rows)
        .on_conflict_do_nothing(constraint="uq_experience_entries_day")
        .returning(ExperienceEntry.id, ExperienceEntry.worked_on)
    )
    made = (await ctx.session.execute(statement)).all()
    for row in made:
        after = {"user_id": str(user_id), "worked_on": str(row.worked_on), "source": source}
        if aircraft_type_id is not None:
            after["aircraft_type_id"] = str(aircraft_type_id)
        ctx.record("experience.recorded", PREFIX, row.id, after=after)
    return len(made)


async def set_policy(ctx: Ctx, *, months: int, window_months: int, expected_version: int) -> UUID:
    """What the organization demands: work in so many months of the last so many. 145.A.35(c) has 6 of 24."""
    ctx.check(Permission.ORGANIZATION_MANAGE)
    organization = await access(ctx, Organization, ctx.actor.org_id, "organization", expected_version)
    refusals = Refusals()
    if organization.is_platform:
        refusals.add(ErrorCode.NOT_ALLOWED, "Platform organizations are not changed here.")
    refusals.take(within("The window in months", 1, LONGEST_WINDOW), window_months, "windowMonths")
    refusals.take(within("The number of months", 1, max(1, min(window_months, LONGEST_WINDOW))), months, "months")
    refusals.finish()
    before, after = change(organization, experience_months=months, experience_window_months=window_months)
    if after:
        await ctx.session.flush()
        ctx.record("organization.experience_policy_changed", "org", organization.id, before=before, after=after)
    return organization.id
