"""The fleet as an integrator sees it: over HTTP, and the subscription over a socket."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from db.session import Database
from domain.context import Actor
from graph.fleet import ROOM
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories import fleet, identity
from tests.factories.api import Api
from tests.factories.events import until
from tests.factories.identity import Person

ERRORS = "errors { code message path }"
CREATE_TYPE = f"""
mutation ($input: CreateAircraftTypeInput!) {{
  createAircraftType(input: $input) {{ aircraftType {{ id manufacturer icaoDesignator version }} {ERRORS} }}
}}
"""
CREATE = f"""
mutation ($input: CreateAircraftInput!) {{
  createAircraft(input: $input) {{
    aircraft {{
      id registration serialNumber status manufacturedOn baseAirport totalMinutes totalHours totalCycles version
      type {{ model }} typeId utilisation {{ totalCount nodes {{ kind minutes cycles reporter {{ name }} }} }}
    }}
    {ERRORS}
  }}
}}
"""
RECORD = f"""
mutation ($input: RecordUtilisationInput!) {{
  recordUtilisation(input: $input) {{
    utilisationEntry {{
      id kind minutes cycles note reporter {{ name }} aircraft {{ totalMinutes totalCycles }}
    }}
    {ERRORS}
  }}
}}
"""
CORRECT = f"""
mutation ($input: CorrectUtilisationInput!) {{
  correctUtilisation(input: $input) {{
    utilisationEntry {{
      id kind minutes cycles aircraft {{ totalMinutes totalHours }}
      corrects {{ id kind corrections {{ totalCount nodes {{ minutes }} }} }}
    }}
    {ERRORS}
  }}
}}
"""
TODAY = datetime.now(UTC).date()


async def a_type(api: Api, **values) -> str:
    given = {"manufacturer": "Airbus", "model": "A320-214", "category": "AEROPLANE", "icaoDesignator": "a320"} | values
    return (await api.done(CREATE_TYPE, input=given))["aircraftType"]["id"]


async def an_aircraft(api: Api, **values) -> dict:
    type_id = values.pop("typeId", None) or await a_type(api)
    given = {"registration": "d-aibc", "typeId": type_id, "serialNumber": "42"} | values
    return (await api.done(CREATE, input=given))["aircraft"]


async def test_from_a_type_to_a_corrected_flight(api: Api) -> None:
    made = await an_aircraft(
        api, manufacturedOn="2012-03-04", baseAirport="eddf", opening={"minutes": 74070, "cycles": 800}
    )
    assert made["id"].startswith("ac_")
    assert made["typeId"].startswith("at_")
    assert {k: v for k, v in made.items() if k not in ("id", "typeId")} == {
        "registration": "D-AIBC",
        "serialNumber": "42",
        "status": "ACTIVE",
        "manufacturedOn": "2012-03-04",
        "baseAirport": "EDDF",
        "totalMinutes": 74070,
        "totalHours": "1234.50",
        "totalCycles": 800,
        "version": 1,
        "type": {"model": "A320-214"},
        "utilisation": {
            "totalCount": 1,
            "nodes": [{"kind": "OPENING", "minutes": 74070, "cycles": 800, "reporter": {"name": "Pat Doe"}}],
        },
    }
    flight = {"aircraftId": made["id"], "flownOn": str(TODAY), "minutes": 95, "cycles": 1, "note": "VFR"}
    entry = (await api.done(RECORD, input=flight))["utilisationEntry"]
    assert entry["id"].startswith("ut_")
    assert entry["aircraft"] == {"totalMinutes": 74165, "totalCycles": 801}
    assert (entry["kind"], entry["note"], entry["reporter"]) == ("FLIGHT", "VFR", {"name": "Pat Doe"})
    right = {"entryId": entry["id"], "minutes": 59, "cycles": 1}
    correction = (await api.done(CORRECT, input=right))["utilisationEntry"]
    assert (correction["kind"], correction["minutes"], correction["cycles"]) == ("CORRECTION", -36, 0)
    assert correction["aircraft"] == {"totalMinutes": 74129, "totalHours": "1235.48"}
    assert correction["corrects"] == {
        "id": entry["id"],
        "kind": "FLIGHT",
        "corrections": {"totalCount": 1, "nodes": [{"minutes": -36}]},
    }
    assert await api.refusals(CORRECT, input=right) == [("INVALID", ["input"])]


async def test_every_refusal_has_its_path(api: Api) -> None:
    given = {
        "registration": "D AIBC",
        "typeId": f"at_{uuid7()}",
        "serialNumber": " ",
        "manufacturedOn": "2999-01-01",
        "baseAirport": "FRA",
        "opening": {"minutes": -1, "cycles": 0},
    }
    assert sorted(await api.refusals(CREATE, input=given)) == sorted(
        [
            ("INVALID", ["input", "registration"]),
            ("REQUIRED", ["input", "serialNumber"]),
            ("OUT_OF_RANGE", ["input", "manufacturedOn"]),
            ("INVALID", ["input", "baseAirport"]),
            ("NOT_FOUND", ["input", "typeId"]),
            ("OUT_OF_RANGE", ["input", "opening", "minutes"]),
        ]
    )
    assert await api.code(CREATE, input=given | {"typeId": f"ac_{uuid7()}"}) == "BAD_USER_INPUT"
    assert (await api.data("{ aircraftList { totalCount } }"))["aircraftList"]["totalCount"] == 0


UPDATE = f"""
mutation ($input: UpdateAircraftInput!) {{
  updateAircraft(input: $input) {{ aircraft {{ registration baseAirport serialNumber version }} {ERRORS} }}
}}
"""


async def test_update_leaves_what_is_absent_and_clears_what_is_null(api: Api) -> None:
    made = await an_aircraft(api, baseAirport="EDDF")
    change = {"id": made["id"], "expectedVersion": 1, "registration": "D-AIBD", "baseAirport": None, "typeId": None}
    assert (await api.done(UPDATE, input=change))["aircraft"] == {
        "registration": "D-AIBD",
        "baseAirport": None,
        "serialNumber": "42",
        "version": 2,
    }
    assert await api.code(UPDATE, input=change) == "CONFLICT"
    empty = {"id": made["id"], "expectedVersion": 2, "registration": None}
    assert await api.refusals(UPDATE, input=empty) == [("REQUIRED", ["input", "registration"])]
    missing = {"id": f"ac_{uuid7()}", "expectedVersion": 1}
    assert await api.code(UPDATE, input=missing) == "NOT_FOUND"


UPDATE_TYPE = f"""
mutation ($input: UpdateAircraftTypeInput!) {{
  updateAircraftType(input: $input) {{ aircraftType {{ icaoDesignator engineCount category version }} {ERRORS} }}
}}
"""
DELETE_TYPE = f"""
mutation ($id: ID!, $version: Int!) {{
  deleteAircraftType(id: $id, expectedVersion: $version) {{ deletedId {ERRORS} }}
}}
"""


async def test_types_are_changed_and_deleted(api: Api) -> None:
    type_id = await a_type(api)
    change = {"id": type_id, "expectedVersion": 1, "engineCount": 2, "icaoDesignator": None, "category": None}
    assert (await api.done(UPDATE_TYPE, input=change))["aircraftType"] == {
        "icaoDesignator": None,
        "engineCount": 2,
        "category": "AEROPLANE",
        "version": 2,
    }
    made = await an_aircraft(api, typeId=type_id)
    assert await api.refusals(DELETE_TYPE, id=type_id, version=2) == [("IN_USE", ["id"])]
    delete = f"mutation ($id: ID!) {{ deleteAircraft(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"
    assert (await api.done(delete, id=made["id"]))["deletedId"] == made["id"]
    assert await api.code(DELETE_TYPE, id=type_id, version=1) == "CONFLICT"
    assert (await api.done(DELETE_TYPE, id=type_id, version=2))["deletedId"] == type_id
    gone = await api.data("query ($a: ID!, $t: ID!) { aircraft(id: $a) { id } aircraftType(id: $t) { id } }",
                          a=made["id"], t=type_id)  # fmt: skip
    assert gone == {"aircraft": None, "aircraftType": None}


SET_STATUS = f"""
mutation ($id: ID!, $status: AircraftStatus!) {{
  setAircraftStatus(id: $id, status: $status) {{ aircraft {{ status version }} {ERRORS} }}
}}
"""


async def test_a_retired_aircraft_takes_no_flights(api: Api) -> None:
    made = await an_aircraft(api)
    retired = (await api.done(SET_STATUS, id=made["id"], status="RETIRED"))["aircraft"]
    assert retired == {"status": "RETIRED", "version": 2}
    flight = {"aircraftId": made["id"], "flownOn": str(TODAY), "minutes": 60, "cycles": 1}
    assert await api.refusals(RECORD, input=flight) == [("NOT_ALLOWED", ["input", "aircraftId"])]


async def test_many_flights_and_an_opening(api: Api) -> None:
    made = await an_aircraft(api)
    record = f"""
    mutation ($input: RecordFlightsInput!) {{
      recordFlights(input: $input) {{
        aircraft {{ totalMinutes utilisation(last: 1) {{ nodes {{ flownOn }} }} }} {ERRORS}
      }}
    }}
    """
    flights = [{"flownOn": str(TODAY - timedelta(days=n)), "minutes": 60, "cycles": 1} for n in range(3)]
    bad = [*flights, {"flownOn": str(TODAY + timedelta(days=3)), "minutes": 1, "cycles": 1}]
    refused = await api.refusals(record, input={"aircraftId": made["id"], "flights": bad})
    assert refused == [("OUT_OF_RANGE", ["input", "flights", "3", "flownOn"])]
    done = await api.done(record, input={"aircraftId": made["id"], "flights": flights})
    assert done["aircraft"] == {
        "totalMinutes": 180,
        "utilisation": {"nodes": [{"flownOn": str(TODAY - timedelta(days=2))}]},
    }
    none = await api.refusals(record, input={"aircraftId": made["id"], "flights": []})
    assert none == [("OUT_OF_RANGE", ["input", "flights"])]
    opening = f"""
    mutation ($input: OpenUtilisationInput!) {{
      openUtilisation(input: $input) {{ utilisationEntry {{ kind aircraft {{ totalMinutes }} }} {ERRORS} }}
    }}
    """
    given = {"aircraftId": made["id"], "opening": {"minutes": 600, "cycles": 9, "on": "2020-01-01"}}
    entry = (await api.done(opening, input=given))["utilisationEntry"]
    assert entry == {"kind": "OPENING", "aircraft": {"totalMinutes": 780}}
    assert await api.refusals(opening, input=given) == [("TAKEN", ["input", "aircraftId"])]


async def test_lists_are_filtered_and_ordered(api: Api, db: Database, actor: Actor) -> None:
    type_id = await fleet.aircraft_type(db, actor, model="A320-271N", icao_designator="A20N")
    for number, registration in enumerate(["D-AAAA", "D-AAAB", "D-AAAC"]):
        await fleet.aircraft(
            db, actor, registration=registration, type_id=type_id, minutes=600 * (3 - number), cycles=1
        )
    await fleet.aircraft(db, actor, registration="N100AB", minutes=5, cycles=5)
    query = """
    query ($where: AircraftFilter, $orderBy: [AircraftOrder!]) {
      aircraftList(where: $where, orderBy: $orderBy) { totalCount nodes { registration } }
    }
    """

    async def listed(**variables) -> list[str]:
        found = (await api.data(query, **variables))["aircraftList"]
        assert found["totalCount"] == len(found["nodes"])
        return [node["registration"] for node in found["nodes"]]

    assert await listed() == ["D-AAAA", "D-AAAB", "D-AAAC", "N100AB"]
    assert await listed(where={"typeId": {"eq": f"at_{type_id}"}}) == ["D-AAAA", "D-AAAB", "D-AAAC"]
    assert await listed(where={"totalMinutes": {"gte": 1200}}, orderBy=[{"totalMinutes": "ASC"}]) == [
        "D-AAAB",
        "D-AAAA",
    ]
    assert await listed(where={"registration": {"startsWith": "N"}}) == ["N100AB"]
    assert await listed(where={"status": {"in": ["RETIRED"]}}) == []
    kinds = await api.data(
        '{ aircraftTypes(where: {icaoDesignator: {eq: "A20N"}}) { nodes { aircraft { totalCount } } } }'
    )
    assert kinds["aircraftTypes"]["nodes"] == [{"aircraft": {"totalCount": 3}}]
    entries = await api.data("{ utilisationEntries(where: {kind: {eq: OPENING}}) { totalCount } }")
    assert entries["utilisationEntries"]["totalCount"] == 4


async def test_nobody_else_sees_or_changes_it(api: Api, db: Database, settings: Settings) -> None:
    made = await an_aircraft(api)
    stranger = api.as_((await identity.owner(db, settings)).token)
    assert await stranger.data("query ($id: ID!) { aircraft(id: $id) { id } }", id=made["id"]) == {"aircraft": None}
    assert (await stranger.data("{ aircraftList { totalCount } }"))["aircraftList"]["totalCount"] == 0
    assert await stranger.code(SET_STATUS, id=made["id"], status="STORED") == "NOT_FOUND"
    refused = await stranger.refusals(
        CREATE, input={"registration": "D-X", "typeId": made["typeId"], "serialNumber": "1"}
    )
    assert refused == [("NOT_FOUND", ["input", "typeId"])]
    assert await api.as_(None).code("{ aircraftList { totalCount } }") == "UNAUTHENTICATED"


async def test_roles(api: Api, db: Database, settings: Settings, owner: Person) -> None:
    made = await an_aircraft(api)
    viewer = api.as_((await identity.person(db, settings, owner.org_id, "VIEWER")).token)
    member = api.as_((await identity.person(db, settings, owner.org_id, "MEMBER")).token)
    flight = {"aircraftId": made["id"], "flownOn": str(TODAY), "minutes": 60, "cycles": 1}
    assert (await viewer.data("{ aircraftList { totalCount } }"))["aircraftList"]["totalCount"] == 1
    assert await viewer.code(RECORD, input=flight) == "FORBIDDEN"
    assert await member.code(SET_STATUS, id=made["id"], status="STORED") == "FORBIDDEN"
    assert (await member.done(RECORD, input=flight))["utilisationEntry"]["minutes"] == 60


WATCH = """
subscription ($id: ID!, $after: String) {
  aircraftChanged(ids: [$id], after: $after) {
    cursor type event { type actor { name } after } aircraft { registration status totalMinutes }
  }
}
"""


async def numbered(db: Database, org_id: UUID) -> None:
    """Until all events so far have numbers: who listens from now on does not get them any more."""
    waiting = text("SELECT EXISTS (SELECT FROM outbox_pending WHERE org_id = :org)")

    async def none() -> bool:
        async with db.platform() as session:
            return not await session.scalar(waiting, {"org": org_id})

    await until(none)


async def followed(server: Server, org_id: UUID) -> None:
    """Until a subscription without a cursor has its beginning."""

    async def there() -> bool:
        return org_id in server.app.platform.live.followed

    await until(there)


async def test_a_change_arrives_on_the_subscription(api: Api, server: Server, db: Database, owner: Person) -> None:
    made = await an_aircraft(api)
    await numbered(db, owner.org_id)
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {owner.token}"})
        await socket.subscribe("1", WATCH, variables={"id": made["id"]})
        await followed(server, owner.org_id)
        await api.done(SET_STATUS, id=made["id"], status="MAINTENANCE")
        first = (await socket.receive())["payload"]["data"]["aircraftChanged"]
        assert first["type"] == "aircraft.status_changed"
        assert first["event"] == {
            "type": "aircraft.status_changed",
            "actor": {"name": "Pat Doe"},
            "after": {"status": "MAINTENANCE"},
        }
        assert first["aircraft"] == {"registration": "D-AIBC", "status": "MAINTENANCE", "totalMinutes": 0}
    flight = {"aircraftId": made["id"], "flownOn": str(TODAY), "minutes": 60, "cycles": 1}
    await api.done(RECORD, input=flight)
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {owner.token}"})
        await socket.subscribe("2", WATCH, variables={"id": made["id"], "after": first["cursor"]})
        second = (await socket.receive())["payload"]["data"]["aircraftChanged"]
        assert second["type"] == "aircraft.utilisation_recorded"
        assert second["aircraft"]["totalMinutes"] == 60


async def test_what_is_deleted_is_null_in_its_last_message(
    api: Api, server: Server, db: Database, owner: Person
) -> None:
    made = await an_aircraft(api)
    await numbered(db, owner.org_id)
    delete = f"mutation ($id: ID!) {{ deleteAircraft(id: $id, expectedVersion: 1) {{ deletedId {ERRORS} }} }}"
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {owner.token}"})
        await socket.subscribe("1", WATCH, variables={"id": made["id"]})
        await followed(server, owner.org_id)
        await api.done(delete, id=made["id"])
        last = (await socket.receive())["payload"]["data"]["aircraftChanged"]
        assert (last["type"], last["aircraft"]) == ("aircraft.deleted", None)


@pytest.mark.parametrize("name", ["aircraft", "aircraftList", "aircraftType", "aircraftTypes", "utilisationEntry"])
def test_root_fields_are_there(name: str) -> None:
    assert name in {query.name for query in ROOM.queries}


def test_descriptions_are_sentences() -> None:
    """An integrator has nothing but the schema."""
    told = [projection.description for projection in ROOM.projections]
    told += [found.description for projection in ROOM.projections for found in projection.fields.values()]
    told += [item.description for item in [*ROOM.queries, *ROOM.mutations, *ROOM.subscriptions]]
    for sentence in told:
        assert re.match(r"[A-ZÀ-Ý]", sentence), sentence
        assert sentence.rstrip("`)").endswith((".", "…")), sentence
