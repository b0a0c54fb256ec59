"""Commands on aircraft types."""

import asyncio

import pytest
from uuid_utils.compat import uuid7

from db.fleet.aircraft_types import AircraftCategory, AircraftType
from db.session import Database
from domain.context import Actor
from domain.errors import ConflictError, ErrorCode, ForbiddenError, NotFoundError, UserErrors
from domain.fleet import aircraft_types
from tests.factories import fleet


def codes(refused: UserErrors) -> set[tuple[ErrorCode, str]]:
    """What was refused, and where under the mutation's `input`."""
    return {(error.code, ".".join(error.path).removeprefix("input").lstrip(".")) for error in refused.errors}


async def load(db: Database, actor: Actor, type_id) -> AircraftType | None:
    async with db.tenant(actor.org_id, actor.user_id) as session:
        return await session.get(AircraftType, (actor.org_id, type_id))


async def test_create_cleans_its_input(db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(
        db, actor, manufacturer=" De  Havilland ", model="DHC-8-402", icao_designator="dh8d"
    )
    made = await load(db, actor, type_id)
    assert (made.manufacturer, made.icao_designator, made.version) == ("De Havilland", "DH8D", 1)
    (event,) = await fleet.events_of(db, type_id)
    assert (event.type, event.target_type, event.actor_id) == ("aircraft_type.created", "at", actor.user_id)
    assert event.after["icao_designator"] == "DH8D"
    assert event.before is None


async def test_all_refusals_come_at_once(db: Database, actor: Actor) -> None:
    with pytest.raises(UserErrors) as caught:
        await fleet.aircraft_type(db, actor, manufacturer=" ", model="x" * 101, icao_designator="7X", engine_count=99)
    assert codes(caught.value) == {
        (ErrorCode.REQUIRED, "manufacturer"),
        (ErrorCode.TOO_LONG, "model"),
        (ErrorCode.INVALID, "icaoDesignator"),
        (ErrorCode.OUT_OF_RANGE, "engineCount"),
    }


async def test_name_is_unique_without_case_and_per_organization(db: Database, actor: Actor, stranger: Actor) -> None:
    await fleet.aircraft_type(db, actor, manufacturer="Airbus", model="A350-941")
    with pytest.raises(UserErrors) as caught:
        await fleet.aircraft_type(db, actor, manufacturer="AIRBUS", model="a350-941")
    assert codes(caught.value) == {(ErrorCode.TAKEN, "model")}
    await fleet.aircraft_type(db, stranger, manufacturer="Airbus", model="A350-941")


async def test_a_race_for_a_name_is_a_refusal_too(db: Database, actor: Actor) -> None:
    async with fleet.command(db, actor) as first:
        values = {"manufacturer": "Airbus", "model": "A330-343", "category": AircraftCategory.AEROPLANE}
        await aircraft_types.create(first, **values)
        # It sees no such type yet, and waits at the index until the first one commits.
        second = asyncio.create_task(fleet.aircraft_type(db, actor, **values))
        await asyncio.sleep(0.3)
        assert not second.done()
    with pytest.raises(UserErrors) as caught:
        await second
    assert codes(caught.value) == {(ErrorCode.TAKEN, "model")}


async def test_update_records_what_changed(db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor, engine_count=None)
    async with fleet.command(db, actor) as ctx:
        changes: aircraft_types.Changes = {"engine_count": 2, "icao_designator": "A320"}
        await aircraft_types.update(ctx, type_id, expected_version=1, changes=changes)
    created, updated = await fleet.events_of(db, type_id)
    assert updated.type == "aircraft_type.updated"
    assert (updated.before, updated.after) == ({"engine_count": None}, {"engine_count": 2})
    assert (await load(db, actor, type_id)).version == 2
    assert created.after["category"] == "AEROPLANE"


async def test_update_that_changes_nothing_leaves_no_trace(db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    async with fleet.command(db, actor) as ctx:
        await aircraft_types.update(ctx, type_id, expected_version=1, changes={"engine_count": 2})
    assert len(await fleet.events_of(db, type_id)) == 1
    assert (await load(db, actor, type_id)).version == 1


async def test_update_of_an_old_version_is_a_conflict(db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    async with fleet.command(db, actor) as ctx:
        await aircraft_types.update(ctx, type_id, expected_version=1, changes={"engine_count": 1})
    with pytest.raises(ConflictError, match="version is 2"):
        async with fleet.command(db, actor) as ctx:
            await aircraft_types.update(ctx, type_id, expected_version=1, changes={"engine_count": 3})


async def test_a_type_in_use_is_not_deleted(db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    await fleet.aircraft(db, actor, type_id=type_id)
    with pytest.raises(UserErrors) as caught:
        async with fleet.command(db, actor) as ctx:
            await aircraft_types.delete(ctx, type_id)
    assert codes(caught.value) == {(ErrorCode.IN_USE, "id")}
    unused = await fleet.aircraft_type(db, actor)
    async with fleet.command(db, actor) as ctx:
        await aircraft_types.delete(ctx, unused, expected_version=1)
    assert await load(db, actor, unused) is None
    assert (await fleet.events_of(db, unused))[-1].before["manufacturer"] == "Airbus"


async def test_other_organizations_and_missing_permissions(db: Database, actor: Actor, stranger: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    for id in (type_id, uuid7()):
        with pytest.raises(NotFoundError):
            async with fleet.command(db, stranger) as ctx:
                await aircraft_types.delete(ctx, id)
    reader = Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ"}))
    with pytest.raises(ForbiddenError):
        await fleet.aircraft_type(db, reader)
    for call in (
        aircraft_types.update(ctx, type_id, expected_version=1, changes={}),
        aircraft_types.delete(ctx, type_id),
    ):
        ctx.actor = reader
        with pytest.raises(ForbiddenError):
            await call
