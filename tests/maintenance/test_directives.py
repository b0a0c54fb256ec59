"""Directives over HTTP: who they are for, and what becomes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db.maintenance.directives import DirectiveKind
from db.session import Database
from domain.context import Actor
from domain.errors import ForbiddenError, NotFoundError
from domain.maintenance import directives, due
from tests.factories import fleet, maintenance
from tests.factories.api import Api

TODAY = datetime.now(UTC).date()
ERRORS = "errors { code message path }"
CREATE = (
    f"mutation ($input: CreateDirectiveInput!) {{ createDirective(input: $input) {{ directive {{ id }} {ERRORS} }} }}"
)
UPDATE = (
    f"mutation ($input: UpdateDirectiveInput!) {{ updateDirective(input: $input) {{ directive {{ id }} {ERRORS} }} }}"
)
DELETE = f"mutation ($id: ID!) {{ deleteDirective(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"
COMPLY = f"""mutation ($input: RecordComplianceInput!) {{
  recordCompliance(input: $input) {{ directiveEntry {{ id decision minutes isLatest }} {ERRORS} }} }}"""
EXEMPT = f"""mutation ($input: ExemptAircraftInput!) {{
  exemptAircraft(input: $input) {{ directiveEntry {{ id decision method }} {ERRORS} }} }}"""
REVOKE = f"""mutation ($id: ID!) {{
  revokeDirectiveEntry(id: $id, reason: "Wrong aircraft") {{ directiveEntry {{ isLatest }} {ERRORS} }} }}"""
STATUS = """query ($id: ID!) { aircraft(id: $id) {
  directives { nodes { directive { number } status dueMinutes dueCycles dueOn entry { decision } } }
  dueItems(where: {kind: {eq: DIRECTIVE}}) { nodes { code dueOn state airworthinessLimitation } } } }"""


async def status(api: Api, plane: UUID) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
    """Of each directive on the aircraft: number, status and what is due; and what of it the due list has."""
    found = (await api.data(STATUS, id=f"ac_{plane}"))["aircraft"]
    states = [
        (each["directive"]["number"], each["status"], each["dueMinutes"], each["dueCycles"], each["dueOn"])
        for each in found["directives"]["nodes"]
    ]
    return sorted(states), [(each["code"], each["state"]) for each in found["dueItems"]["nodes"]]


def in_days(days: int) -> str:
    return str(TODAY + timedelta(days=days))


async def test_from_an_open_directive_to_a_superseded_one(db: Database, actor: Actor, api: Api) -> None:
    type_id = await fleet.aircraft_type(db, actor)
    named = await fleet.aircraft(db, actor, type_id=type_id, serial_number="99", minutes=60_000, cycles=500)
    other = await fleet.aircraft(db, actor, type_id=type_id, serial_number="101", minutes=60_000, cycles=500)
    await fleet.flight(db, actor, named, flown_on=TODAY, minutes=60, cycles=2)
    given: dict[str, Any] = {"kind": "AD", "number": "2026-0001-e", "title": "Fan blades", "issuer": "EASA"}
    given |= {"effectiveOn": in_days(-1), "withinCycles": 10, "thresholdMinutes": 90_000, "withinDays": 40}
    given |= {"intervalDays": 30, "applicability": [{"typeId": f"at_{type_id}", "serialTo": "100"}]}
    made = (await api.done(CREATE, input=given))["directive"]
    # What was flown on the effective day is before it; the opening entry is of today here.
    first = ("2026-0001-E", "OPEN", 90_000, 10, in_days(39))
    assert await status(api, named) == ([first], [("2026-0001-E", "OVERDUE")])
    assert await status(api, other) == ([("2026-0001-E", "NOT_APPLICABLE", None, None, None)], [])
    async with fleet.command(db, actor) as ctx:
        [item] = await due.overdue(ctx, named, TODAY)
        assert (item.kind, item.title, item.limiting) == ("DIRECTIVE", "2026-0001-E Fan blades", "492 cycles over")
        assert item.airworthiness_limitation
        assert await due.overdue(ctx, other, TODAY) == []
    done = {"aircraftId": f"ac_{named}", "directiveId": made["id"], "performedOn": in_days(0), "method": "Inspected"}
    entry = (await api.done(COMPLY, input=done))["directiveEntry"]
    assert entry | {"id": ""} == {"id": "", "decision": "COMPLIED", "minutes": 60_060, "isLatest": True}
    complied = ("2026-0001-E", "COMPLIED", None, None, in_days(30))
    assert await status(api, named) == ([complied], [("2026-0001-E", "DUE_SOON")])
    ended = (await api.done(COMPLY, input=done | {"terminating": True, "method": "Replaced"}))["directiveEntry"]
    assert await status(api, named) == ([("2026-0001-E", "COMPLIED", None, None, None)], [])
    assert await api.refusals(REVOKE, id=entry["id"]) == [("NOT_ALLOWED", ["input", "id"])]
    await api.done(REVOKE, id=ended["id"])
    assert (await status(api, named))[0] == [complied]
    exempt = {"aircraftId": f"ac_{named}", "directiveId": made["id"], "performedOn": in_days(0), "reason": "Mod 7"}
    found = (await api.done(EXEMPT, input=exempt))["directiveEntry"]
    assert (await status(api, named))[0] == [("2026-0001-E", "NOT_APPLICABLE", None, None, None)]
    await api.done(REVOKE, id=found["id"])
    # Its revision is for all of the type, and takes its place.
    revision = given | {"revision": "R1", "applicability": [{"typeId": f"at_{type_id}"}], "supersedesId": made["id"]}
    await api.done(CREATE, input=revision)
    assert (await status(api, named))[0] == [
        ("2026-0001-E", "OPEN", 90_000, 10, in_days(39)),
        ("2026-0001-E", "SUPERSEDED", None, None, None),
    ]
    assert [each[1] for each in (await status(api, other))[0]] == ["NOT_APPLICABLE", "OPEN"]
    assert await api.refusals(COMPLY, input=done) == [("NOT_ALLOWED", ["input", "directiveId"])]
    types = [event.type for event in await fleet.events_of(db, UUID(made["id"][4:]))]
    assert types == ["directive.created", "directive.superseded"]


async def test_every_refusal_has_its_path(db: Database, actor: Actor, stranger: Actor, api: Api) -> None:
    plane = await fleet.aircraft(db, actor, minutes=600, cycles=6, opened_on=TODAY - timedelta(days=5))
    type_id = await maintenance.type_of(db, actor, plane)
    ranges = [{"typeId": f"at_{uuid7()}"}, {"typeId": f"at_{type_id}", "serialFrom": "100", "serialTo": "99"}]
    bad: dict[str, Any] = {"kind": "SB", "number": " ", "title": "t" * 201, "issuer": "", "effectiveOn": in_days(0)}
    bad |= {"applicability": ranges, "withinDays": -1, "intervalCycles": 0}
    assert sorted(await api.refusals(CREATE, input=bad)) == [
        ("INVALID", ["input", "applicability", "1", "serialTo"]),
        ("NOT_FOUND", ["input", "applicability", "0", "typeId"]),
        ("OUT_OF_RANGE", ["input", "intervalCycles"]),
        ("OUT_OF_RANGE", ["input", "withinDays"]),
        ("REQUIRED", ["input", "issuer"]),
        ("REQUIRED", ["input", "number"]),
        ("TOO_LONG", ["input", "title"]),
    ]
    made = await maintenance.directive(db, actor, plane, number="2026-9")
    good: dict[str, Any] = {"kind": DirectiveKind.SB, "number": "2026-9", "title": "T", "issuer": "I"}
    good |= {"effectiveOn": in_days(9), "applicability": [{"typeId": f"at_{type_id}"}]}
    assert await api.refusals(CREATE, input=good) == [("TAKEN", ["input", "number"])]
    assert await api.refusals(CREATE, input=good | {"number": "X", "applicability": []}) == [
        ("OUT_OF_RANGE", ["input", "applicability"])
    ]
    other = await fleet.aircraft(db, actor)
    done = {"aircraftId": f"ac_{other}", "directiveId": f"dir_{made}", "performedOn": in_days(2), "method": " "}
    assert sorted(await api.refusals(COMPLY, input=done | {"minutes": 7})) == [
        ("NOT_ALLOWED", ["input", "directiveId"]),
        ("OUT_OF_RANGE", ["input", "minutes"]),
        ("OUT_OF_RANGE", ["input", "performedOn"]),
        ("REQUIRED", ["input", "method"]),
    ]
    right = done | {"aircraftId": f"ac_{plane}", "performedOn": in_days(0), "method": "Done"}
    await api.done(COMPLY, input=right)
    assert await api.refusals(COMPLY, input=right | {"performedOn": in_days(-1)}) == [
        ("OUT_OF_RANGE", ["input", "performedOn"])
    ]
    assert await api.refusals(DELETE, id=f"dir_{made}") == [("IN_USE", ["id"])]
    changed = {"id": f"dir_{made}", "expectedVersion": 1, "method": "Two\nlines", "applicability": ranges[1:]}
    assert await api.refusals(UPDATE, input=changed) == [("INVALID", ["input", "applicability", "0", "serialTo"])]
    changed["applicability"] = [{"typeId": f"at_{type_id}", "serialFrom": "9"}]
    await api.done(UPDATE, input=changed)
    updated = (await fleet.events_of(db, made))[-1]
    assert updated.after["applicability"] == [{"type_id": str(type_id), "serial_from": "9", "serial_to": None}]
    theirs = await fleet.aircraft(db, stranger)
    with pytest.raises(NotFoundError):
        async with fleet.command(db, actor) as ctx:
            await directives.comply(ctx, aircraft_id=theirs, directive_id=made, on=TODAY, method="M")


async def test_missing_permissions(db: Database, actor: Actor) -> None:
    reader = Actor(actor.org_id, actor.user_id, frozenset({"FLEET_READ", "MAINTENANCE_READ"}))
    some = uuid7()
    async with fleet.command(db, reader) as ctx:
        new: dict[str, Any] = {"kind": DirectiveKind.AD, "number": "1", "title": "T", "issuer": "I"}
        for forbidden in (
            directives.create(ctx, **new, effective_on=TODAY, applicability=[]),
            directives.update(ctx, some, expected_version=1, changes={}),
            directives.delete(ctx, some),
            directives.record(ctx, aircraft_id=some, directive_id=some, on=TODAY, method="M"),
            directives.exempt(ctx, aircraft_id=some, directive_id=some, on=TODAY, reason="R"),
            directives.take_back(ctx, some, reason="R"),
        ):
            with pytest.raises(ForbiddenError):
                await forbidden
