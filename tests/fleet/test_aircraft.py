"""Commands on aircraft."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.session import Database
from domain.context import Actor
from domain.errors import ConflictError, ErrorCode, ForbiddenError, NotFoundError, UserErrors
from domain.fleet import aircraft
from domain.fleet.utilisation import Opening
from tests.factories import fleet
from tests.fleet.conftest import in_time_zone
from tests.fleet.test_aircraft_types import codes


async def load(db: Database, actor: Actor, aircraft_id: UUID) -> Aircraft | None:
    async with db.tenant(actor.org_id, actor.user_id) as session:
        return await session.get(Aircraft, (actor.org_id, aircraft_id))


async def test_create_with_an_opening(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(
        db, actor, registration="d-aibc", serial_number="msn 7", base_airport="eddf", minutes=74070, cycles=800
    )
    made = await load(db, actor, aircraft_id)
    assert (made.registration, made.serial_number, made.base_airport) == ("D-AIBC", "MSN 7", "EDDF")
    assert (made.status, made.version) == ("ACTIVE", 1)
    assert await fleet.totals(db, actor, aircraft_id) == (74070, 800)
    created, recorded = await fleet.events_of(db, aircraft_id)
    assert (created.type, recorded.type) == ("aircraft.created", "aircraft.utilisation_recorded")
    assert recorded.before == {"total_minutes": 0, "total_cycles": 0}
    assert recorded.after["kind"] == "OPENING"
    assert recorded.after["total_minutes"] == 74070


async def test_all_refusals_come_at_once(db: Database, actor: Actor) -> None:
    with pytest.raises(UserErrors) as caught:
        await fleet.aircraft(
            db,
            actor,
            registration="D AIBC",
            serial_number="",
            type_id=uuid7(),
            manufactured_on=date(2999, 1, 1),
            base_airport="FRA",
            opening=Opening(-1, -1, date(2998, 1, 1), "n" * 1001),
        )
    assert codes(caught.value) == {
        (ErrorCode.INVALID, "registration"),
        (ErrorCode.REQUIRED, "serialNumber"),
        (ErrorCode.NOT_FOUND, "typeId"),
        (ErrorCode.OUT_OF_RANGE, "manufacturedOn"),
        (ErrorCode.INVALID, "baseAirport"),
        (ErrorCode.OUT_OF_RANGE, "opening.minutes"),
        (ErrorCode.OUT_OF_RANGE, "opening.cycles"),
        (ErrorCode.OUT_OF_RANGE, "opening.on"),
        (ErrorCode.TOO_LONG, "opening.note"),
    }


async def test_registration_and_serial_number_are_unique(db: Database, actor: Actor, stranger: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    await fleet.aircraft(db, actor, registration="D-AAAA", serial_number="1a", type_id=type_id)
    with pytest.raises(UserErrors) as caught:
        await fleet.aircraft(db, actor, registration="d-aaaa", serial_number="1A", type_id=type_id)
    assert codes(caught.value) == {(ErrorCode.TAKEN, "registration"), (ErrorCode.TAKEN, "serialNumber")}
    assert "D-AAAA" in str(caught.value)
    await fleet.aircraft(db, actor, registration="D-AAAB", serial_number="1A")  # of another type
    await fleet.aircraft(db, stranger, registration="D-AAAA", serial_number="1A")


async def test_a_type_of_another_organization_is_not_found(db: Database, actor: Actor, stranger: Actor) -> None:
    theirs = await fleet.aircraft_type(db, stranger)
    with pytest.raises(UserErrors) as caught:
        await fleet.aircraft(db, actor, type_id=theirs)
    assert codes(caught.value) == {(ErrorCode.NOT_FOUND, "typeId")}


async def test_today_is_the_organizations(db: Database, actor: Actor) -> None:
    await in_time_zone(db, actor, "Pacific/Auckland")
    now = datetime(2024, 6, 30, 13, tzinfo=UTC)  # 1 July in Auckland
    type_id = await fleet.aircraft_type(db, actor)
    values = {"registration": "ZK-ABC", "type_id": type_id, "serial_number": "1"}
    with pytest.raises(UserErrors):
        async with fleet.command(db, actor, now=now) as ctx:
            await aircraft.create(ctx, **values, manufactured_on=date(2024, 7, 2))
    async with fleet.command(db, actor, now=now) as ctx:
        await aircraft.create(ctx, **values, manufactured_on=date(2024, 7, 1))


async def test_update(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor, registration="D-AUPD", base_airport="EDDF")
    other_type = await fleet.aircraft_type(db, actor)
    changes: aircraft.Changes = {"registration": "d-aupe", "type_id": other_type, "base_airport": None}
    async with fleet.command(db, actor) as ctx:
        await aircraft.update(ctx, aircraft_id, expected_version=1, changes=changes)
    event = (await fleet.events_of(db, aircraft_id))[-1]
    assert event.type == "aircraft.updated"
    assert event.after == {"registration": "D-AUPE", "type_id": str(other_type), "base_airport": None}
    assert event.before["base_airport"] == "EDDF"
    with pytest.raises(ConflictError):
        async with fleet.command(db, actor) as ctx:
            await aircraft.update(ctx, aircraft_id, expected_version=1, changes=changes)
    async with fleet.command(db, actor) as ctx:
        await aircraft.update(ctx, aircraft_id, expected_version=2, changes=changes)
    assert (await load(db, actor, aircraft_id)).version == 2


async def test_update_checks_twins_and_the_log(db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    await fleet.aircraft(db, actor, type_id=type_id, registration="D-AONE", serial_number="11")
    second = await fleet.aircraft(db, actor, type_id=type_id, registration="D-ATWO", serial_number="12")
    await fleet.flight(db, actor, second, flown_on=date(2020, 1, 1))
    with pytest.raises(UserErrors) as caught:
        async with fleet.command(db, actor) as ctx:
            await aircraft.update(
                ctx,
                second,
                expected_version=1,
                changes={"registration": "D-AONE", "serial_number": "11", "manufactured_on": date(2020, 1, 2)},
            )
    assert codes(caught.value) == {
        (ErrorCode.TAKEN, "registration"),
        (ErrorCode.TAKEN, "serialNumber"),
        (ErrorCode.OUT_OF_RANGE, "manufacturedOn"),
    }


async def test_flights_do_not_make_an_edit_stale(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    await fleet.flight(db, actor, aircraft_id)
    async with fleet.command(db, actor) as ctx:
        await aircraft.update(ctx, aircraft_id, expected_version=1, changes={"base_airport": "EDDM"})
    assert await fleet.totals(db, actor, aircraft_id) == (90, 1)


async def test_status(db: Database, actor: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    for _ in range(2):
        async with fleet.command(db, actor) as ctx:
            await aircraft.set_status(ctx, aircraft_id, status=AircraftStatus.STORED)
    _, changed = await fleet.events_of(db, aircraft_id)
    assert (changed.type, changed.before, changed.after) == (
        "aircraft.status_changed",
        {"status": "ACTIVE"},
        {"status": "STORED"},
    )
    with pytest.raises(ConflictError):
        async with fleet.command(db, actor) as ctx:
            await aircraft.set_status(ctx, aircraft_id, status=AircraftStatus.ACTIVE, expected_version=1)


async def test_only_an_aircraft_that_never_flew_is_deleted(db: Database, actor: Actor) -> None:
    mistaken = await fleet.aircraft(db, actor, minutes=600, cycles=4)
    async with fleet.command(db, actor) as ctx:
        await aircraft.delete(ctx, mistaken)
    assert await load(db, actor, mistaken) is None
    event = (await fleet.events_of(db, mistaken))[-1]
    assert (event.type, event.before["total_minutes"]) == ("aircraft.deleted", 600)
    flown = await fleet.aircraft(db, actor)
    await fleet.flight(db, actor, flown)
    with pytest.raises(UserErrors, match="RETIRED") as caught:
        async with fleet.command(db, actor) as ctx:
            await aircraft.delete(ctx, flown)
    assert codes(caught.value) == {(ErrorCode.IN_USE, "id")}


async def test_the_database_keeps_flown_aircraft(db: Database, actor: Actor) -> None:
    flown = await fleet.aircraft(db, actor)
    await fleet.flight(db, actor, flown)
    with pytest.raises(DBAPIError, match="append-only"):
        async with db.tenant(actor.org_id, actor.user_id) as session:
            await session.execute(text("DELETE FROM aircraft WHERE id = :id"), {"id": flown})


async def test_other_organizations_and_missing_permissions(db: Database, actor: Actor, stranger: Actor) -> None:
    aircraft_id = await fleet.aircraft(db, actor)
    stored = AircraftStatus.STORED
    with pytest.raises(NotFoundError):
        async with fleet.command(db, stranger) as ctx:
            await aircraft.set_status(ctx, aircraft_id, status=stored)
    reader = Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ", "UTILISATION_RECORD"}))
    async with fleet.command(db, reader) as ctx:
        for call in (
            aircraft.create(ctx, registration="D-AX", type_id=uuid7(), serial_number="1"),
            aircraft.update(ctx, aircraft_id, expected_version=1, changes={}),
            aircraft.set_status(ctx, aircraft_id, status=stored),
            aircraft.delete(ctx, aircraft_id),
        ):
            with pytest.raises(ForbiddenError):
                await call
