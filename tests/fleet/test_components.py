"""Components: what they carry along, over HTTP, and what the database refuses by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from db.fleet.components import Component
from db.session import Database
from domain.context import Actor
from domain.entities import access
from domain.errors import ErrorCode, ForbiddenError, NotFoundError, UserErrors
from domain.fleet import components, installations, utilisation
from tests.factories import fleet, maintenance
from tests.factories.api import Api
from tests.fleet.test_aircraft_types import codes

TODAY = datetime.now(UTC).date()
ERRORS = "errors { code message path }"
REGISTER = f"""
mutation ($input: RegisterComponentInput!) {{
  registerComponent(input: $input) {{
    component {{ id partNumber serialNumber minutesSinceNew cyclesSinceNew minutesSinceOverhaul version }} {ERRORS}
  }}
}}
"""
SHOWN = """installation { position aircraftMinutes removedOn removedComponentMinutes aircraft { registration }
  component { minutesSinceNew cyclesSinceNew minutesSinceOverhaul } }"""
INSTALL = f"mutation ($input: InstallComponentInput!) {{ installComponent(input: $input) {{ {SHOWN} {ERRORS} }} }}"
REMOVE = f"mutation ($input: RemoveComponentInput!) {{ removeComponent(input: $input) {{ {SHOWN} {ERRORS} }} }}"
OVERHAUL = f"""mutation ($id: ID!, $on: Date!) {{
  overhaulComponent(id: $id, overhauledOn: $on) {{
    component {{ minutesSinceNew minutesSinceOverhaul overhauledOn }} {ERRORS}
  }}
}}"""


def ago(days: int) -> str:
    return str(TODAY - timedelta(days=days))


async def life(db: Database, actor: Actor, component_id: UUID) -> tuple[int, int]:
    """As the installations carry it, and the aircraft adds to it."""
    sql = """SELECT CASE WHEN i.removed_on IS NULL THEN i.component_minutes + a.total_minutes - i.aircraft_minutes
            ELSE i.removed_component_minutes END,
        CASE WHEN i.removed_on IS NULL THEN i.component_cycles + a.total_cycles - i.aircraft_cycles
            ELSE i.removed_component_cycles END
        FROM installations i JOIN aircraft a USING (org_id) WHERE a.id = i.aircraft_id AND i.component_id = :id
        ORDER BY i.number DESC LIMIT 1"""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        row = (await session.execute(text(sql), {"id": component_id})).one()
        return row[0], row[1]


async def test_a_component_carries_its_life_from_aircraft_to_aircraft(db: Database, actor: Actor, api: Api) -> None:
    first = await fleet.aircraft(db, actor, registration="D-ACOM", minutes=60_000, cycles=400)
    second = await fleet.aircraft(db, actor, registration="D-ACON", minutes=90_000, cycles=900)
    given: dict[str, Any] = {"partNumber": "pn 7", "serialNumber": "s1", "description": "Engine"}
    given |= {"minutesSinceNew": 600, "cyclesSinceNew": 10, "manufacturedOn": "2020-02-29", "lifeLimitCycles": 20_000}
    given["overhaul"] = {"overhauledOn": ago(900), "minutesSinceOverhaul": 100, "cyclesSinceOverhaul": 2}
    made = (await api.done(REGISTER, input=given))["component"]
    assert (made["partNumber"], made["minutesSinceNew"], made["minutesSinceOverhaul"]) == ("PN 7", 600, 100)
    there = {"componentId": made["id"], "aircraftId": f"ac_{first}", "position": "engine 1", "installedOn": ago(20)}
    put = (await api.done(INSTALL, input=there | {"aircraftMinutes": 60_000, "aircraftCycles": 400}))["installation"]
    assert (put["position"], put["aircraft"]) == ("ENGINE 1", {"registration": "D-ACOM"})
    await fleet.flight(db, actor, first, flown_on=TODAY - timedelta(days=15), minutes=120, cycles=2)
    gone = {"componentId": made["id"], "removedOn": ago(10), "reason": "Overhaul"}
    removed = (await api.done(REMOVE, input=gone))["installation"]
    assert (removed["removedComponentMinutes"], removed["component"]["minutesSinceNew"]) == (720, 720)
    # A flight of before its removal comes late; one of after it is not the component's.
    await fleet.flight(db, actor, first, flown_on=TODAY - timedelta(days=12), minutes=60, cycles=1)
    await fleet.flight(db, actor, first, flown_on=TODAY - timedelta(days=9), minutes=500, cycles=1)
    assert await life(db, actor, UUID(made["id"][4:])) == (780, 13)
    overhauled = (await api.done(OVERHAUL, id=made["id"], on=ago(5)))["component"]
    assert overhauled == {"minutesSinceNew": 780, "minutesSinceOverhaul": 0, "overhauledOn": ago(5)}
    await api.done(INSTALL, input=there | {"aircraftId": f"ac_{second}", "installedOn": ago(3)})
    await fleet.flight(db, actor, second, flown_on=TODAY, minutes=30, cycles=1)
    # The aircraft before it is corrected: what the next one began with follows.
    late = await fleet.flight(db, actor, first, flown_on=TODAY - timedelta(days=13), minutes=10, cycles=1)
    async with fleet.command(db, actor) as ctx:
        await utilisation.correct(ctx, late, minutes=7, cycles=1)
    found = await api.data(
        """query ($id: ID!) { component(id: $id) { minutesSinceNew cyclesSinceNew minutesSinceOverhaul
            installation { aircraft { registration } number componentMinutes }
            installations { nodes { number removedOn removedComponentMinutes removalReason } }
            history { nodes { type } } } }""",
        id=made["id"],
    )
    assert found["component"] | {"history": None} == {
        "minutesSinceNew": 817,
        "cyclesSinceNew": 15,
        "minutesSinceOverhaul": 37,
        "installation": {"aircraft": {"registration": "D-ACON"}, "number": 2, "componentMinutes": 787},
        "installations": {
            "nodes": [
                {"number": 2, "removedOn": None, "removedComponentMinutes": None, "removalReason": None},
                {"number": 1, "removedOn": ago(10), "removedComponentMinutes": 787, "removalReason": "Overhaul"},
            ]
        },
        "history": None,
    }
    listed = '{ components(where: {installation: {aircraft: {registration: {eq: "D-ACON"}}}}) { nodes { id } } }'
    assert (await api.data(listed))["components"]["nodes"] == [{"id": made["id"]}]


async def test_every_refusal_has_its_path(db: Database, actor: Actor, stranger: Actor, api: Api) -> None:
    taken = await maintenance.component(db, actor, part_number="PN-1", serial_number="S1")
    bad: dict[str, Any] = {"partNumber": "pn-1", "serialNumber": "s1", "description": " ", "minutesSinceNew": -1}
    bad |= {"lifeLimitMonths": 12, "overhaul": {"overhauledOn": "2999-01-01", "minutesSinceOverhaul": 1}}
    bad["overhaul"]["cyclesSinceOverhaul"] = 0
    assert sorted(await api.refusals(REGISTER, input=bad)) == [
        ("OUT_OF_RANGE", ["input", "minutesSinceNew"]),
        ("OUT_OF_RANGE", ["input", "overhaul", "minutesSinceOverhaul"]),
        ("OUT_OF_RANGE", ["input", "overhaul", "overhauledOn"]),
        ("REQUIRED", ["input", "description"]),
        ("REQUIRED", ["input", "manufacturedOn"]),
        ("TAKEN", ["input", "serialNumber"]),
    ]
    plane = await fleet.aircraft(db, actor, minutes=600, cycles=6)
    other = await maintenance.component(db, actor)
    await maintenance.installed(db, actor, taken, plane, position="NLG", installed_on=TODAY)
    there = {"componentId": f"cmp_{taken}", "aircraftId": f"ac_{plane}", "position": "NLG", "installedOn": "2999-01-01"}
    assert sorted(await api.refusals(INSTALL, input=there)) == [
        ("IN_USE", ["input", "componentId"]),
        ("TAKEN", ["input", "position"]),
    ]
    late = there | {"componentId": f"cmp_{other}", "position": "MLG", "aircraftMinutes": 601}
    assert sorted(await api.refusals(INSTALL, input=late)) == [
        ("OUT_OF_RANGE", ["input", "aircraftMinutes"]),
        ("OUT_OF_RANGE", ["input", "installedOn"]),
    ]
    again = late | {"position": "nlg", "installedOn": ago(1), "aircraftMinutes": 600}
    assert await api.refusals(INSTALL, input=again) == [("TAKEN", ["input", "position"])]
    assert await api.refusals(OVERHAUL, id=f"cmp_{taken}", on=ago(0)) == [("NOT_ALLOWED", ["input", "id"])]
    assert await api.refusals(REMOVE, input={"componentId": f"cmp_{other}"}) == [
        ("NOT_ALLOWED", ["input", "componentId"])
    ]
    early = {"componentId": f"cmp_{taken}", "removedOn": ago(1), "reason": "r" * 1001}
    assert sorted(await api.refusals(REMOVE, input=early)) == [
        ("OUT_OF_RANGE", ["input", "removedOn"]),
        ("TOO_LONG", ["input", "reason"]),
    ]
    theirs = await maintenance.component(db, stranger)
    assert await api.code(REMOVE, input={"componentId": f"cmp_{theirs}"}) == "NOT_FOUND"


async def test_changes_and_deletion(db: Database, actor: Actor, stranger: Actor) -> None:
    made = await maintenance.component(db, actor, opening_minutes=60)
    plane = await fleet.aircraft(db, actor)
    async with fleet.command(db, actor) as ctx:
        changes: components.Changes = {"opening_minutes": 90, "manufacturer": "Maker", "life_limit_cycles": 5}
        await components.update(ctx, made, expected_version=1, changes=changes)
        await components.update(ctx, made, expected_version=2, changes=changes)
        assert (await access(ctx, Component, made, "component")).version == 2
    await maintenance.installed(db, actor, made, plane)
    with pytest.raises(UserErrors) as caught:
        async with fleet.command(db, actor) as ctx:
            await components.update(ctx, made, expected_version=2, changes={"opening_minutes": 91})
    assert codes(caught.value) == {(ErrorCode.NOT_ALLOWED, "minutesSinceNew")}
    for call in (components.delete, fleet.aircraft_commands.delete):
        with pytest.raises(UserErrors) as caught:
            async with fleet.command(db, actor) as ctx:
                await call(ctx, made if call is components.delete else plane)
        assert codes(caught.value) == {(ErrorCode.IN_USE, "id")}
    mistaken = await maintenance.component(db, actor)
    async with fleet.command(db, actor) as ctx:
        await components.delete(ctx, mistaken)
    assert [event.type for event in await fleet.events_of(db, mistaken)] == ["component.created", "component.deleted"]
    with pytest.raises(NotFoundError):
        async with fleet.command(db, stranger) as ctx:
            await components.overhaul(ctx, made, on=TODAY)
    reader = Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ", "FLEET_MANAGE"}))
    async with fleet.command(db, reader) as ctx:
        for forbidden in (
            components.register(ctx, part_number="P", serial_number="S", description="D"),
            components.update(ctx, made, expected_version=1, changes={}),
            components.overhaul(ctx, made, on=TODAY),
            components.delete(ctx, made),
            installations.install(ctx, component_id=made, aircraft_id=plane, position="X"),
            installations.remove(ctx, component_id=made),
        ):
            with pytest.raises(ForbiddenError):
                await forbidden


async def test_the_database_keeps_histories_without_gaps_and_overlaps(db: Database, actor: Actor) -> None:
    """Whatever a command may do wrong."""
    plane = await fleet.aircraft(db, actor, minutes=600, cycles=6)
    made = await maintenance.component(db, actor)
    await maintenance.installed(db, actor, made, plane, position="HERE", installed_on=TODAY - timedelta(days=3))
    insert = """INSERT INTO installations (org_id, id, component_id, aircraft_id, position, number, previous,
        previous_removed_on, installed_on, aircraft_minutes, aircraft_cycles, component_minutes, component_cycles)
        VALUES (:org, :id, :component, :plane, :place, :number, :previous, :removed, :on, 600, 6, :minutes, 0)"""
    follow: dict[str, Any] = {"org": actor.org_id, "component": made, "plane": plane, "place": "THERE", "number": 2}
    follow |= {"previous": 1, "removed": TODAY, "on": TODAY, "minutes": 0}

    async def refused(constraint: str, **values: Any) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            async with db.tenant(actor.org_id, actor.user_id) as session:
                await session.execute(text(insert), follow | {"id": uuid7()} | values)

    await refused("fk_installations_previous|uq_installations_on_aircraft")  # it is still installed
    other = await maintenance.component(db, actor)
    first = {"component": other, "number": 1, "previous": None, "removed": None}
    await refused("uq_installations_place", **first, place="HERE")
    async with fleet.command(db, actor) as ctx:
        await installations.remove(ctx, component_id=made)
    await refused("fk_installations_previous", minutes=1)  # it has another life by then
    await refused("ck_installations_days", on=TODAY - timedelta(days=1))  # it overlaps
    await refused("fk_installations_previous", removed=TODAY - timedelta(days=1))
    await refused("ck_installations_number", number=3)
    await refused("uq_installations_org_id_component_id_number|number", number=1, previous=None, removed=None)


async def test_a_component_is_corrected_and_deleted_before_it_flies(api: Api) -> None:
    given = {"partNumber": "PN 8", "serialNumber": "S8", "description": "Battery"}
    made = (await api.done(REGISTER, input=given))["component"]
    change = {"id": made["id"], "expectedVersion": 1, "serialNumber": "s9", "cyclesSinceNew": 4}
    text = "component { serialNumber cyclesSinceNew version }"
    updated = f"mutation ($input: UpdateComponentInput!) {{ updateComponent(input: $input) {{ {text} {ERRORS} }} }}"
    assert (await api.done(updated, input=change))["component"] == {
        "serialNumber": "S9",
        "cyclesSinceNew": 4,
        "version": 2,
    }
    gone = f"mutation ($id: ID!, $v: Int!) {{ deleteComponent(id: $id, expectedVersion: $v) {{ deletedId {ERRORS} }} }}"
    assert await api.code(gone, id=made["id"], v=1) == "CONFLICT"
    assert (await api.done(gone, id=made["id"], v=2))["deletedId"] == made["id"]
