"""Programmes over HTTP: from a task to the next time it is due, and back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db.session import Database
from domain.context import Actor
from domain.errors import ForbiddenError, NotFoundError
from domain.maintenance.programme import accomplish, accomplishing, programmes, tasks
from tests.factories import fleet, maintenance
from tests.factories.api import Api

TODAY = datetime.now(UTC).date()
ERRORS = "errors { code message path }"
CREATE = (
    f"mutation ($input: CreateProgrammeInput!) {{ createProgramme(input: $input) {{ programme {{ id }} {ERRORS} }} }}"
)
TASK = f"""mutation ($input: CreateProgrammeTaskInput!) {{
  createProgrammeTask(input: $input) {{ programmeTask {{ id version rebasing }} {ERRORS} }} }}"""
CHANGE = f"""mutation ($input: UpdateProgrammeTaskInput!) {{
  updateProgrammeTask(input: $input) {{ programmeTask {{ id version }} {ERRORS} }} }}"""
WITHDRAW = f"""mutation ($id: ID!, $withdrawn: Boolean!) {{
  withdrawProgrammeTask(id: $id, withdrawn: $withdrawn) {{ programmeTask {{ withdrawnOn }} {ERRORS} }} }}"""
DELETE_TASK = f"""mutation ($id: ID!) {{ deleteProgrammeTask(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"""
DELETE = f"""mutation ($id: ID!) {{ deleteProgramme(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"""
FOLLOW = f"""mutation ($input: FollowProgrammeInput!) {{
  followProgramme(input: $input) {{ aircraftProgramme {{ id since }} {ERRORS} }} }}"""
LEAVE = f"mutation ($id: ID!) {{ leaveProgramme(id: $id) {{ deletedId {ERRORS} }} }}"
RECORD = f"""mutation ($input: RecordAccomplishmentInput!) {{
  recordAccomplishment(input: $input) {{
    accomplishment {{ id minutes componentMinutes basisMinutes basisOn isLatest recorder {{ name }} }} {ERRORS}
  }} }}"""
REVOKE = f"""mutation ($id: ID!, $reason: String!) {{
  revokeAccomplishment(id: $id, reason: $reason) {{ accomplishment {{ isLatest revocation }} {ERRORS} }} }}"""
DUE = """query ($id: ID!) { aircraft(id: $id) { dueItems { nodes {
  kind code dueMinutes dueOn remainingMinutes remainingDays limiting state component { serialNumber } } } } }"""


async def due(api: Api, plane: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.data(DUE, id=f"ac_{plane}"))["aircraft"]["dueItems"]["nodes"]
    return found


async def test_from_a_task_to_the_next_time_and_back(db: Database, actor: Actor, api: Api) -> None:
    plane = await fleet.aircraft(db, actor, minutes=6_480, cycles=50, opened_on=TODAY - timedelta(days=40))
    type_id = await maintenance.type_of(db, actor, plane)
    mp = (await api.done(CREATE, input={"name": " AMP  A320 ", "typeId": f"at_{type_id}", "revision": "3"}))[
        "programme"
    ]
    hundred = {"programmeId": mp["id"], "code": "100 H", "title": "Inspection", "intervalMinutes": 6_000}
    hundred |= {"toleranceMinutes": 600, "rebasing": "FROM_DUE_WHEN_IN_WINDOW"}
    task = (await api.done(TASK, input=hundred))["programmeTask"]
    assert await due(api, plane) == []
    follows = {"aircraftId": f"ac_{plane}", "programmeId": mp["id"], "since": str(TODAY - timedelta(days=40))}
    following = (await api.done(FOLLOW, input=follows))["aircraftProgramme"]
    first = {"kind": "TASK", "code": "100 H", "dueMinutes": 6_000, "dueOn": None, "remainingMinutes": -480}
    first |= {"remainingDays": None, "limiting": "HOURS", "state": "IN_TOLERANCE", "component": None}
    assert await due(api, plane) == [first]
    # 14 CFR 91.409(b): done 8 hours late, the excess counts in the next 100 hours.
    done = {"aircraftId": f"ac_{plane}", "taskId": task["id"], "performedOn": str(TODAY - timedelta(days=40))}
    made = (await api.done(RECORD, input=done))["accomplishment"]
    assert (made["minutes"], made["basisMinutes"], made["isLatest"], made["recorder"]) == (
        6_480,
        6_000,
        True,
        {"name": "Pat Doe"},
    )
    then = first | {"dueMinutes": 12_000, "remainingMinutes": 5_520, "state": "OK"}
    assert await due(api, plane) == [then]
    assert (await api.done(CHANGE, input={"id": task["id"], "expectedVersion": 1, "intervalDays": 30}))[
        "programmeTask"
    ]["version"] == 2
    [both] = await due(api, plane)
    assert (both["remainingDays"], both["limiting"], both["state"]) == (-10, "CALENDAR", "OVERDUE")
    again = (await api.done(RECORD, input=done | {"performedOn": str(TODAY)}))["accomplishment"]
    assert again["basisOn"] == str(TODAY)
    assert await api.refusals(REVOKE, id=made["id"], reason="Wrong") == [("NOT_ALLOWED", ["input", "id"])]
    revoked = (await api.done(REVOKE, id=again["id"], reason=" Wrong  aircraft "))["accomplishment"]
    assert revoked == {"isLatest": False, "revocation": "Wrong aircraft"}
    assert await due(api, plane) == [both]
    await api.done(WITHDRAW, id=task["id"], withdrawn=True)
    assert await due(api, plane) == []
    await api.done(WITHDRAW, id=task["id"], withdrawn=False)
    await api.done(LEAVE, id=following["id"])
    assert await due(api, plane) == []
    kept = "query ($id: ID!) { programmeTask(id: $id) { accomplishments { nodes { revokedAt isLatest } } } }"
    shown = (await api.data(kept, id=task["id"]))["programmeTask"]["accomplishments"]["nodes"]
    assert sorted((each["isLatest"], each["revokedAt"] is None) for each in shown) == [(False, False), (True, True)]
    types = [event.type for event in await fleet.events_of(db, UUID(again["id"][4:]))]
    assert types == ["accomplishment.created", "accomplishment.revoked"]


async def test_component_tasks_count_from_the_components_own_life(db: Database, actor: Actor, api: Api) -> None:
    born = TODAY - timedelta(days=100)
    plane = await fleet.aircraft(db, actor, minutes=600_000, cycles=9_000, opened_on=born)
    programme = await maintenance.programme(db, actor, plane, since=born)
    task = await maintenance.task(
        db, actor, programme, code="PUMP", part_number="pn-1", interval_minutes=1_000, threshold_minutes=1_500
    )
    pump = await maintenance.component(
        db, actor, serial_number="S9", opening_minutes=900, life_limit_minutes=2_000, manufactured_on=born
    )
    assert await due(api, plane) == []
    await maintenance.installed(db, actor, pump, plane, installed_on=TODAY - timedelta(days=50))
    await fleet.flight(db, actor, plane, flown_on=TODAY - timedelta(days=20), minutes=700, cycles=1)
    found = await due(api, plane)
    assert [(each["kind"], each["dueMinutes"], each["remainingMinutes"], each["state"]) for each in found] == [
        ("COMPONENT_TASK", 1_500, -100, "OVERDUE"),
        ("LIFE_LIMIT", 2_000, 400, "OK"),
    ]
    assert found[0]["component"] == {"serialNumber": "S9"}
    done: dict[str, Any] = {"aircraftId": f"ac_{plane}", "taskId": f"mt_{task}"}
    done |= {"componentId": f"cmp_{pump}", "performedOn": str(TODAY - timedelta(days=20)), "minutes": 600_600}
    made = (await api.done(RECORD, input=done))["accomplishment"]
    assert (made["minutes"], made["componentMinutes"], made["basisMinutes"]) == (600_600, 1_500, 1_500)
    assert [each["remainingMinutes"] for each in await due(api, plane)] == [400, 900]
    other = await maintenance.component(db, actor, part_number="PN-2")
    wrong = done | {"componentId": f"cmp_{other}"}
    assert sorted(await api.refusals(RECORD, input=wrong)) == [("INVALID", ["input", "componentId"])] * 2
    assert await api.refusals(RECORD, input=done | {"componentId": None}) == [("REQUIRED", ["input", "componentId"])]


async def test_every_refusal_has_its_path(db: Database, actor: Actor, stranger: Actor, api: Api) -> None:
    plane = await fleet.aircraft(db, actor, minutes=600, cycles=6, opened_on=TODAY - timedelta(days=9))
    programme = await maintenance.programme(db, actor, plane)
    task = await maintenance.task(db, actor, programme, code="A", interval_days=30)
    limits = {"airworthinessLimitation": True, "toleranceDays": 5, "intervalMinutes": 0}
    bad = {"programmeId": f"mp_{programme}", "code": " ", "title": "t" * 201, "partNumber": "p" * 51, **limits}
    assert sorted(await api.refusals(TASK, input=bad)) == [
        ("NOT_ALLOWED", ["input", "toleranceDays"]),
        ("OUT_OF_RANGE", ["input", "intervalMinutes"]),
        ("REQUIRED", ["input", "code"]),
        ("TOO_LONG", ["input", "partNumber"]),
        ("TOO_LONG", ["input", "title"]),
    ]
    twin = {"programmeId": f"mp_{programme}", "code": "A", "title": "T", "intervalDays": 1}
    assert await api.refusals(TASK, input=twin) == [("TAKEN", ["input", "code"])]
    other = await fleet.aircraft(db, actor, minutes=600, cycles=6)
    wrong = {"aircraftId": f"ac_{other}", "programmeId": f"mp_{programme}", "since": "2999-01-01"}
    assert sorted(await api.refusals(FOLLOW, input=wrong)) == [
        ("INVALID", ["input", "programmeId"]),
        ("OUT_OF_RANGE", ["input", "since"]),
    ]
    again = {"aircraftId": f"ac_{plane}", "programmeId": f"mp_{programme}"}
    assert await api.refusals(FOLLOW, input=again) == [("TAKEN", ["input", "programmeId"])]
    done: dict[str, Any] = {"aircraftId": f"ac_{plane}", "taskId": f"mt_{task}", "performedOn": str(TODAY)}
    await api.done(RECORD, input=done)
    assert await api.refusals(RECORD, input=done | {"performedOn": str(TODAY - timedelta(days=1))}) == [
        ("OUT_OF_RANGE", ["input", "performedOn"])
    ]
    elsewhere = done | {"aircraftId": f"ac_{other}", "performedOn": "2999-01-01", "minutes": 601, "note": "n" * 1001}
    assert sorted(await api.refusals(RECORD, input=elsewhere)) == [
        ("INVALID", ["input", "taskId"]),
        ("OUT_OF_RANGE", ["input", "minutes"]),
        ("OUT_OF_RANGE", ["input", "performedOn"]),
        ("TOO_LONG", ["input", "note"]),
    ]
    for deletion, of in ((DELETE_TASK, f"mt_{task}"), (DELETE, f"mp_{programme}")):
        assert await api.refusals(deletion, id=of) == [("IN_USE", ["id"])]
    theirs = await fleet.aircraft(db, stranger)
    foreign = await maintenance.programme(db, stranger, theirs)
    for values in ({"programme_id": foreign}, {"aircraft_id": theirs}):
        with pytest.raises(NotFoundError):
            async with fleet.command(db, actor) as ctx:
                await programmes.follow(ctx, **({"aircraft_id": plane, "programme_id": programme} | values))


async def test_missing_permissions(db: Database, actor: Actor) -> None:
    """`accomplish` is for rooms that have checked; what people call checks."""
    reader = Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ", "MAINTENANCE_READ"}))
    some = uuid7()
    async with fleet.command(db, reader) as ctx:
        for forbidden in (
            programmes.create(ctx, name="P", type_id=some),
            programmes.update(ctx, some, expected_version=1, changes={}),
            programmes.delete(ctx, some),
            programmes.follow(ctx, aircraft_id=some, programme_id=some),
            programmes.leave(ctx, some),
            tasks.create(ctx, programme_id=some, code="C", title="T"),
            tasks.update(ctx, some, expected_version=1, changes={}),
            tasks.withdraw(ctx, some, withdrawn=True),
            tasks.delete(ctx, some),
            accomplishing.record(ctx, aircraft_id=some, task_id=some, on=TODAY),
            accomplishing.take_back(ctx, some, reason="R"),
        ):
            with pytest.raises(ForbiddenError):
                await forbidden
        with pytest.raises(NotFoundError):
            await accomplish(ctx, aircraft_id=some, task_id=some, on=date(2026, 1, 1))


async def test_a_programme_is_revised(db: Database, actor: Actor, api: Api) -> None:
    plane = await fleet.aircraft(db, actor)
    type_id = await maintenance.type_of(db, actor, plane)
    mp = (await api.done(CREATE, input={"name": "AMP", "typeId": f"at_{type_id}", "revision": "3"}))["programme"]
    revise = f"""mutation ($input: UpdateProgrammeInput!) {{
      updateProgramme(input: $input) {{ programme {{ name revision version }} {ERRORS} }} }}"""
    change = {"id": mp["id"], "expectedVersion": 1, "revision": "4"}
    assert (await api.done(revise, input=change))["programme"] == {"name": "AMP", "revision": "4", "version": 2}
    assert await api.code(revise, input=change) == "CONFLICT"
