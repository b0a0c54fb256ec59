"""Commands on the utilisation log. They alone move an aircraft's totals, under the lock of its row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import aliased

from db.fleet.aircraft import Aircraft
from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from domain.context import Ctx
from domain.entities import access
from domain.errors import ErrorCode, NotFoundError, refuse
from domain.fleet import installations
from domain.fleet.rules import texts
from domain.fleet.rules import utilisation as rules
from domain.fleet.rules.refusals import Refusals
from domain.fleet.rules.utilisation import Amount
from domain.fleet.support import today
from domain.permissions import Permission

MOST_AT_ONCE = 1_000


@dataclass(frozen=True)
class Flight:
    """What an aircraft flew on one day, in one entry of the log."""

    flown_on: date
    minutes: int
    cycles: int
    note: str | None = None


@dataclass(frozen=True)
class Opening:
    """What an aircraft had flown when it came into the log; `on` is today when not given."""

    minutes: int
    cycles: int
    on: date | None = None
    note: str | None = None

    @property
    def is_empty(self) -> bool:
        return self.minutes == 0 and self.cycles == 0


async def record(
    ctx: Ctx, *, aircraft_id: UUID, flown_on: date, minutes: int, cycles: int, note: str | None = None
) -> UUID:
    """One flight, or one day's flights."""
    flight = Flight(flown_on, minutes, cycles, note)
    return (await _record(ctx, aircraft_id, [flight], lambda _index: ()))[0]


async def record_flights(ctx: Ctx, *, aircraft_id: UUID, flights: Sequence[Flight]) -> list[UUID]:
    """Many entries of one aircraft, all or none, in a constant number of statements."""
    if not 1 <= len(flights) <= MOST_AT_ONCE:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"Give 1 to {MOST_AT_ONCE} flights at once.", "input", "flights")
    return await _record(ctx, aircraft_id, flights, lambda index: ("flights", str(index)))


async def open_aircraft_log(ctx: Ctx, *, aircraft_id: UUID, opening: Opening) -> UUID:
    """The opening entry of an aircraft that was created without one."""
    ctx.check(Permission.UTILISATION_RECORD)
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    refusals = Refusals()
    now_here = await today(ctx)
    check_opening(refusals, opening, today=now_here, manufactured=aircraft.manufactured_on, required=True)
    exists = await ctx.session.scalar(
        select(UtilisationEntry.id).where(
            UtilisationEntry.org_id == ctx.actor.org_id,
            UtilisationEntry.aircraft_id == aircraft.id,
            UtilisationEntry.kind == UtilisationKind.OPENING,
        )
    )
    if exists is not None:
        refusals.add(
            ErrorCode.TAKEN,
            f"The log of {aircraft.registration} has an opening entry already; correct that one.",
            "aircraftId",
        )
    refusals.finish()
    return await open_log(ctx, aircraft, opening, today=now_here)


async def correct(ctx: Ctx, entry_id: UUID, *, minutes: int, cycles: int, note: str | None = None) -> UUID:
    """State what an entry should have said; the log gets the difference as a new entry that names it."""
    ctx.check(Permission.UTILISATION_RECORD)
    org_id = ctx.actor.org_id
    aircraft_id = await ctx.session.scalar(
        select(UtilisationEntry.aircraft_id).where(UtilisationEntry.org_id == org_id, UtilisationEntry.id == entry_id)
    )
    if aircraft_id is None:
        raise NotFoundError("There is no utilisation entry with this id in the organization.")
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    entry, counted = await _counted(ctx, entry_id)
    refusals = Refusals()
    kind = UtilisationKind(entry.kind)
    refusals.take(rules.correctable, entry.kind, "entryId")
    right = _amount(refusals, minutes, cycles, kind)
    text = refusals.optional(texts.note, note, "note")
    difference = None
    if right is not None and kind is not UtilisationKind.CORRECTION:
        totals = Amount(aircraft.total_minutes, aircraft.total_cycles)
        difference = refusals.take(lambda stated: rules.difference(counted, stated, totals), right)
        if kind is UtilisationKind.FLIGHT and right.minutes > counted.minutes:
            flown = (await _flown(ctx, aircraft.id, {entry.flown_on})).get(entry.flown_on, 0)
            refusals.take(
                lambda count: rules.day_minutes(entry.flown_on, flown - counted.minutes, count),
                right.minutes,
                "minutes",
            )
    refusals.finish()
    assert difference is not None
    made = UtilisationEntry(
        org_id=org_id,
        aircraft_id=aircraft.id,
        kind=UtilisationKind.CORRECTION,
        flown_on=entry.flown_on,
        minutes=difference.minutes,
        cycles=difference.cycles,
        reporter_id=ctx.actor.user_id,
        corrects_id=entry.id,
        note=text,
    )
    await _append(ctx, aircraft, [made], "aircraft.utilisation_corrected")
    return made.id


def check_opening(
    refusals: Refusals,
    opening: Opening,
    *,
    today: date,
    manufactured: date | None,
    required: bool = False,
) -> None:
    """Keeps what speaks against an opening entry; an empty one is fine unless `required`."""
    path = ("opening",)
    refusals.take(lambda count: rules.minutes(count, UtilisationKind.OPENING), opening.minutes, *path, "minutes")
    refusals.take(rules.cycles, opening.cycles, *path, "cycles")
    refusals.take(
        lambda day: rules.flown_on(day, today=today, manufactured=manufactured), opening.on or today, *path, "on"
    )
    refusals.optional(texts.note, opening.note, *path, "note")
    if required:
        refusals.take(rules.not_empty, Amount(opening.minutes, opening.cycles))


async def open_log(ctx: Ctx, aircraft: Aircraft, opening: Opening, *, today: date) -> UUID:
    """Append a checked opening entry."""
    made = UtilisationEntry(
        org_id=ctx.actor.org_id,
        aircraft_id=aircraft.id,
        kind=UtilisationKind.OPENING,
        flown_on=opening.on or today,
        minutes=opening.minutes,
        cycles=opening.cycles,
        reporter_id=ctx.actor.user_id,
        note=texts.clean(opening.note or "") or None,
    )
    await _append(ctx, aircraft, [made], "aircraft.utilisation_recorded")
    return made.id


async def _record(ctx: Ctx, aircraft_id: UUID, flights: Sequence[Flight], path: Any) -> list[UUID]:
    ctx.check(Permission.UTILISATION_RECORD)
    aircraft = await access(ctx, Aircraft, aircraft_id, "aircraft")
    refusals = Refusals()
    refusals.take(rules.may_fly, aircraft.status, "aircraftId")
    now_here = await today(ctx)
    flown = await _flown(ctx, aircraft.id, {flight.flown_on for flight in flights})
    made = []
    for index, flight in enumerate(flights):
        entry = _flight(ctx, refusals, aircraft, flight, now_here, flown, path(index))
        if entry is not None:
            made.append(entry)
    refusals.finish()
    await _append(ctx, aircraft, made, "aircraft.utilisation_recorded")
    return [entry.id for entry in made]


def _flight(
    ctx: Ctx,
    refusals: Refusals,
    aircraft: Aircraft,
    flight: Flight,
    today: date,
    flown: dict[date, int],
    path: tuple[str, ...],
) -> UtilisationEntry | None:
    """The entry of one flight when nothing speaks against it; `flown` grows by it."""
    day = flight.flown_on
    refusals.take(
        lambda on: rules.flown_on(on, today=today, manufactured=aircraft.manufactured_on), day, *path, "flownOn"
    )
    note = refusals.optional(texts.note, flight.note, *path, "note")
    amount = _amount(refusals, flight.minutes, flight.cycles, UtilisationKind.FLIGHT, *path)
    if amount is None:
        return None
    refusals.take(rules.not_empty, amount, *path)
    before = flown.get(day, 0)
    added = refusals.take(lambda count: rules.day_minutes(day, before, count), amount.minutes, *path, "minutes")
    flown[day] = before + (added or 0)
    return UtilisationEntry(
        org_id=ctx.actor.org_id,
        aircraft_id=aircraft.id,
        kind=UtilisationKind.FLIGHT,
        flown_on=day,
        minutes=amount.minutes,
        cycles=amount.cycles,
        reporter_id=ctx.actor.user_id,
        note=note,
    )


def _amount(refusals: Refusals, minutes: int, cycles: int, kind: UtilisationKind, *path: str) -> Amount | None:
    clean_minutes = refusals.take(lambda count: rules.minutes(count, kind), minutes, *path, "minutes")
    clean_cycles = refusals.take(rules.cycles, cycles, *path, "cycles")
    if clean_minutes is None or clean_cycles is None:
        return None
    return Amount(clean_minutes, clean_cycles)


async def _counted(ctx: Ctx, entry_id: UUID) -> tuple[UtilisationEntry, Amount]:
    """An entry and what it counts for with its corrections so far. The aircraft's row must be locked."""
    rows = (
        await ctx.session.scalars(
            select(UtilisationEntry).where(
                UtilisationEntry.org_id == ctx.actor.org_id,
                or_(UtilisationEntry.id == entry_id, UtilisationEntry.corrects_id == entry_id),
            )
        )
    ).all()
    counted = sum((Amount(row.minutes, row.cycles) for row in rows), rules.NOTHING)
    return next(row for row in rows if row.id == entry_id), counted


async def _flown(ctx: Ctx, aircraft_id: UUID, days: set[date]) -> dict[date, int]:
    """Minutes flown on each of these days, corrections counted, openings not."""
    corrected = aliased(UtilisationEntry)
    rows = await ctx.session.execute(
        select(UtilisationEntry.flown_on, func.sum(UtilisationEntry.minutes))
        .outerjoin(
            corrected,
            and_(corrected.org_id == UtilisationEntry.org_id, corrected.id == UtilisationEntry.corrects_id),
        )
        .where(
            UtilisationEntry.org_id == ctx.actor.org_id,
            UtilisationEntry.aircraft_id == aircraft_id,
            UtilisationEntry.flown_on.in_(days),
            func.coalesce(corrected.kind, UtilisationEntry.kind) == UtilisationKind.FLIGHT,
        )
        .group_by(UtilisationEntry.flown_on)
    )
    return {day: int(minutes) for day, minutes in rows}


async def _append(ctx: Ctx, aircraft: Aircraft, entries: Sequence[UtilisationEntry], event: str) -> None:
    """Write entries and move the totals with them. The aircraft's row must be locked or new."""
    totals = Amount(aircraft.total_minutes, aircraft.total_cycles)
    ctx.session.add_all(entries)
    await ctx.session.flush()
    await installations.follow(ctx, aircraft.id, entries)
    for entry in entries:
        before, totals = totals, totals + Amount(entry.minutes, entry.cycles)
        ctx.record(
            event,
            "ac",
            aircraft.id,
            before=_totals(before),
            after=_totals(totals) | _entry_data(entry),
        )
    # Not through the ORM: recording a flight must not make the version that someone is editing stale.
    await ctx.session.execute(
        update(Aircraft)
        .where(Aircraft.org_id == aircraft.org_id, Aircraft.id == aircraft.id)
        .values(total_minutes=totals.minutes, total_cycles=totals.cycles)
    )


def _totals(totals: Amount) -> dict[str, Any]:
    return {"total_minutes": totals.minutes, "total_cycles": totals.cycles}


def _entry_data(entry: UtilisationEntry) -> dict[str, Any]:
    data: dict[str, Any] = {
        "entry_id": str(entry.id),
        "kind": str(entry.kind),
        "flown_on": str(entry.flown_on),
        "minutes": entry.minutes,
        "cycles": entry.cycles,
    }
    if entry.corrects_id is not None:
        data["corrects_id"] = str(entry.corrects_id)
    return data
