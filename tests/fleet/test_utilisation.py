"""The utilisation log: flights, openings, corrections, and totals that are always its sum."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from db.fleet.aircraft import AircraftStatus
from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from db.session import Database
from domain.context import Actor
from domain.errors import ErrorCode, ForbiddenError, NotFoundError, UserErrors
from domain.fleet import aircraft, utilisation
from domain.fleet.utilisation import Flight, Opening
from tests.factories import fleet
from tests.fleet.test_aircraft_types import codes


async def correct(db: Database, actor: Actor, entry_id, minutes: int, cycles: int):
    async with fleet.command(db, actor) as ctx:
        return await utilisation.correct(ctx, entry_id, minutes=minutes, cycles=cycles)


async def entry(db: Database, actor: Actor, entry_id) -> UtilisationEntry:
    async with db.tenant(actor.org_id, actor.user_id) as session:
        return await session.get_one(UtilisationEntry, (actor.org_id, entry_id))


async def test_a_flight_moves_the_totals(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor, minutes=600, cycles=4, opened_on=date(2020, 1, 1))
    entry_id = await fleet.flight(db, actor, aircraft_id, minutes=95, cycles=2, note="  two  legs ")
    made = await entry(db, actor, entry_id)
    assert (made.kind, made.reporter_id, made.note) == ("FLIGHT", actor.user_id, "two legs")
    assert await fleet.totals(db, actor, aircraft_id) == (695, 6)
    event = (await fleet.events_of(db, aircraft_id))[-1]
    assert event.type == "aircraft.utilisation_recorded"
    assert event.before == {"total_minutes": 600, "total_cycles": 4}
    assert event.after["entry_id"] == str(entry_id)


async def test_all_refusals_come_at_once(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    async with fleet.command(db, actor) as ctx:
        await aircraft.set_status(ctx, aircraft_id, status=AircraftStatus.RETIRED)
    with pytest.raises(UserErrors) as caught:
        await fleet.flight(db, actor, aircraft_id, flown_on=date(2999, 1, 1), minutes=1441, cycles=-1, note="x" * 1001)
    assert codes(caught.value) == {
        (ErrorCode.NOT_ALLOWED, "aircraftId"),
        (ErrorCode.OUT_OF_RANGE, "flownOn"),
        (ErrorCode.OUT_OF_RANGE, "minutes"),
        (ErrorCode.OUT_OF_RANGE, "cycles"),
        (ErrorCode.TOO_LONG, "note"),
    }


async def test_a_day_has_24_hours(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor, minutes=99_000, opened_on=date(2024, 5, 6))
    first = await fleet.flight(db, actor, aircraft_id, minutes=1000)
    with pytest.raises(UserErrors, match="24 hours"):
        await fleet.flight(db, actor, aircraft_id, minutes=441)
    await correct(db, actor, first, 900, 1)
    second = await fleet.flight(db, actor, aircraft_id, minutes=540)
    with pytest.raises(UserErrors, match="24 hours"):
        await correct(db, actor, second, 541, 1)
    await fleet.flight(db, actor, aircraft_id, minutes=1440, flown_on=date(2024, 5, 7))


async def test_many_flights_are_all_or_none(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    day = date(2024, 5, 6)
    good = [Flight(day + timedelta(days=n), 60, 1) for n in range(5)]
    flights = [*good, Flight(day, 1400, 1), Flight(day, 0, 0)]
    with pytest.raises(UserErrors) as caught:
        async with fleet.command(db, actor) as ctx:
            await utilisation.record_flights(ctx, aircraft_id=aircraft_id, flights=flights)
    assert codes(caught.value) == {(ErrorCode.OUT_OF_RANGE, "flights.5.minutes"), (ErrorCode.REQUIRED, "flights.6")}
    assert await fleet.totals(db, actor, aircraft_id) == (0, 0)
    async with fleet.command(db, actor) as ctx:
        ids = await utilisation.record_flights(ctx, aircraft_id=aircraft_id, flights=good)
    assert len(set(ids)) == 5
    assert await fleet.totals(db, actor, aircraft_id) == (300, 5)
    assert [e.after["total_cycles"] for e in (await fleet.events_of(db, aircraft_id))[1:]] == [1, 2, 3, 4, 5]


async def test_corrections_state_the_right_value(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor, minutes=600, cycles=4, opened_on=date(2020, 1, 1))
    flight = await fleet.flight(db, actor, aircraft_id, minutes=90, cycles=1)
    first = await correct(db, actor, flight, 60, 1)
    made = await entry(db, actor, first)
    assert (made.kind, made.minutes, made.cycles, made.corrects_id) == ("CORRECTION", -30, 0, flight)
    assert made.flown_on == date(2024, 5, 6)
    assert await fleet.totals(db, actor, aircraft_id) == (660, 5)
    second = await entry(db, actor, await correct(db, actor, flight, 75, 2))
    assert (second.minutes, second.cycles) == (15, 1)
    assert await fleet.totals(db, actor, aircraft_id) == (675, 6)
    with pytest.raises(UserErrors, match="already counts for 1:15 h and 2 cycles"):
        await correct(db, actor, flight, 75, 2)
    with pytest.raises(UserErrors, match="itself a correction"):
        await correct(db, actor, first, 10, 1)
    event = (await fleet.events_of(db, aircraft_id))[-1]
    assert event.type == "aircraft.utilisation_corrected"
    assert event.after["corrects_id"] == str(flight)
    with pytest.raises(UserErrors) as caught:
        await correct(db, actor, flight, -1, -1)
    assert codes(caught.value) == {(ErrorCode.OUT_OF_RANGE, "minutes"), (ErrorCode.OUT_OF_RANGE, "cycles")}


async def test_an_opening_is_recorded_once_and_corrected(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    await fleet.flight(db, actor, aircraft_id)
    async with fleet.command(db, actor) as ctx:
        opening = await utilisation.open_aircraft_log(ctx, aircraft_id=aircraft_id, opening=Opening(74070, 800))
    for bad, code in ((Opening(1, 1), ErrorCode.TAKEN), (Opening(0, 0), ErrorCode.REQUIRED)):
        with pytest.raises(UserErrors) as caught:
            async with fleet.command(db, actor) as ctx:
                await utilisation.open_aircraft_log(ctx, aircraft_id=aircraft_id, opening=bad)
        assert code in {error.code for error in caught.value.errors}
    await correct(db, actor, opening, 80_000, 900)
    assert await fleet.totals(db, actor, aircraft_id) == (80_090, 901)
    await correct(db, actor, opening, 0, 0)
    assert await fleet.totals(db, actor, aircraft_id) == (90, 1)


async def test_nothing_before_manufacture(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor, manufactured_on=date(2012, 3, 4))
    with pytest.raises(UserErrors, match="manufactured"):
        await fleet.flight(db, actor, aircraft_id, flown_on=date(2012, 3, 3))
    await fleet.flight(db, actor, aircraft_id, flown_on=date(2012, 3, 4))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE utilisation_entries SET minutes = 1 WHERE id = :id",
        "DELETE FROM utilisation_entries WHERE id = :id",
        "TRUNCATE utilisation_entries",
    ],
)
async def test_the_log_is_append_only(db: Database, actor: Actor, statement: str) -> None:
    aircraft_id = await fleet.aircraft(db, actor, minutes=60)
    flight = await fleet.flight(db, actor, aircraft_id)
    parameters = {"id": flight} if ":id" in statement else {}
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.tenant(actor.org_id, actor.user_id) as session:
            await session.execute(text(statement), parameters)


async def test_the_log_is_append_only_for_the_owner_too(db: Database, settings, actor: Actor) -> None:
    import asyncpg

    aircraft_id = await fleet.aircraft(db, actor, minutes=60)
    await fleet.flight(db, actor, aircraft_id)
    owner = await asyncpg.connect(settings.database_url)
    try:
        for statement in (
            "UPDATE utilisation_entries SET minutes = 1",
            "DELETE FROM utilisation_entries WHERE kind = 'OPENING'",
            f"DELETE FROM aircraft WHERE id = '{aircraft_id}'",
            "TRUNCATE utilisation_entries",
        ):
            # Row-level security shows the owner nothing; the triggers hold even without it.
            transaction = owner.transaction()
            await transaction.start()
            for table in ("aircraft", "utilisation_entries"):
                await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                await owner.execute(statement)
            await transaction.rollback()
    finally:
        await owner.close()


async def test_a_correction_is_of_the_same_aircraft(db: Database, actor: Actor) -> None:
    one, other = await fleet.aircraft(db, actor), await fleet.aircraft(db, actor)
    flight = await fleet.flight(db, actor, one)
    wrong = UtilisationEntry(
        org_id=actor.org_id,
        aircraft_id=other,
        kind=UtilisationKind.CORRECTION,
        flown_on=date(2024, 5, 6),
        minutes=-1,
        cycles=0,
        corrects_id=flight,
    )
    with pytest.raises(DBAPIError, match="corrects_id"):
        async with db.tenant(actor.org_id, actor.user_id) as session:
            session.add(wrong)


async def test_flights_at_the_same_time_all_count(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    await asyncio.gather(
        *(fleet.flight(db, actor, aircraft_id, flown_on=date(2024, 1, 1) + timedelta(days=n)) for n in range(20))
    )
    assert await fleet.totals(db, actor, aircraft_id) == (1800, 20)
    numbered = [e.after["total_cycles"] for e in (await fleet.events_of(db, aircraft_id))[1:]]
    assert numbered == list(range(1, 21))


async def test_totals_are_the_sum_after_any_commands(db: Database, actor: Actor) -> None:
    chance = random.Random(7)
    aircraft_id = await fleet.aircraft(db, actor, minutes=500, cycles=5, opened_on=date(2020, 1, 1))
    for _ in range(60):
        async with db.tenant(actor.org_id, actor.user_id) as session:
            entries = (
                await session.scalars(select(UtilisationEntry.id).where(UtilisationEntry.aircraft_id == aircraft_id))
            ).all()
        before = await fleet.totals(db, actor, aircraft_id)
        try:
            if chance.random() < 0.5:
                day = date(2024, 1, 1) + timedelta(days=chance.randrange(20))
                await fleet.flight(
                    db, actor, aircraft_id, flown_on=day, minutes=chance.randrange(-50, 900), cycles=chance.randrange(3)
                )
            else:
                await correct(db, actor, chance.choice(entries), chance.randrange(-50, 900), chance.randrange(3))
        except UserErrors:
            assert await fleet.totals(db, actor, aircraft_id) == before
        assert min(await fleet.totals(db, actor, aircraft_id)) >= 0


async def test_other_organizations_and_missing_permissions(db: Database, actor: Actor, stranger: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    flight = await fleet.flight(db, actor, aircraft_id)
    with pytest.raises(NotFoundError):
        await fleet.flight(db, stranger, aircraft_id)
    for id in (flight, uuid7()):
        with pytest.raises(NotFoundError):
            await correct(db, stranger, id, 1, 1)
    reader = Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ", "FLEET_MANAGE"}))
    now = datetime.now(UTC).date()
    async with fleet.command(db, reader) as ctx:
        for call in (
            utilisation.record(ctx, aircraft_id=aircraft_id, flown_on=now, minutes=1, cycles=1),
            utilisation.record_flights(ctx, aircraft_id=aircraft_id, flights=[Flight(now, 1, 1)]),
            utilisation.open_aircraft_log(ctx, aircraft_id=aircraft_id, opening=Opening(1, 1)),
            utilisation.correct(ctx, flight, minutes=1, cycles=1),
        ):
            with pytest.raises(ForbiddenError):
                await call
