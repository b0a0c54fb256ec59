"""The log over HTTP: its filters, the history of everything, how long it is kept; and the subscription's filters."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from db.session import Database
from domain.context import Actor
from domain.events.cursors import Cursors
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories import fleet, identity
from tests.factories.api import Api
from tests.factories.events import until
from tests.factories.identity import Person

SET_STATUS = """mutation ($id: ID!) { setAircraftStatus(id: $id, status: STORED, expectedVersion: 1) {
  aircraft { status history { totalCount } type { history { nodes { type } } } } errors { code } } }"""
KEEP = """mutation ($months: Int, $version: Int!) {
  setEventRetention(input: {months: $months, expectedVersion: $version}) {
    organization { eventRetentionMonths version } errors { code path } } }"""


@pytest.fixture
async def owner(db: Database, settings: Settings) -> Person:
    return await identity.owner(db, settings)


@pytest.fixture
async def actor(db: Database, owner: Person) -> Actor:
    return await identity.actor(db, owner)


@pytest.fixture
def api(http: httpx.AsyncClient, owner: Person) -> Api:
    return Api(http, owner.token)


@pytest.fixture
async def aircraft(db: Database, api: Api, actor: Actor) -> list[str]:
    """Two aircraft, the first put into storage: all of it is in the log."""
    made = [f"ac_{await fleet.aircraft(db, actor)}" for _ in range(2)]
    payload = await api.done(SET_STATUS, id=made[0])
    assert payload["aircraft"]["status"] == "STORED"
    await until(lambda: logged(api, "aircraft.status_changed"))
    return made


async def logged(api: Api, event_type: str) -> bool:
    found = await api.data("query ($t: String!) { events(where: {type: {eq: $t}}) { totalCount } }", t=event_type)
    return bool(found["events"]["totalCount"])


async def types(api: Api, where: str, **variables: Any) -> list[str]:
    declared = ", ".join(f"${name}: {'[ID!]' if isinstance(v, list) else 'ID'}" for name, v in variables.items())
    head = f"query ({declared})" if declared else "query"
    found = await api.data(f"{head} {{ events(where: {where}) {{ nodes {{ type }} }} }}", **variables)
    return [node["type"] for node in found["events"]["nodes"]]


async def test_everything_has_its_history(api: Api, aircraft: list[str]) -> None:
    asked = """query ($id: ID!) { aircraft(id: $id) {
      history(first: 1) { totalCount nodes { type targetId target { id } actor { name } after } }
      created: history(where: {type: {eq: "aircraft.created"}}) { nodes { type } }
      type { history { nodes { type } } } utilisation { nodes { history { totalCount } } } } }"""
    found = (await api.data(asked, id=aircraft[0]))["aircraft"]
    assert found["history"] == {
        "totalCount": 2,
        "nodes": [
            {
                "type": "aircraft.status_changed",
                "targetId": aircraft[0],
                "target": {"id": aircraft[0]},
                "actor": {"name": "Pat Doe"},
                "after": {"status": "STORED"},
            }
        ],
    }
    assert found["created"]["nodes"] == [{"type": "aircraft.created"}]
    assert found["type"]["history"]["nodes"] == [{"type": "aircraft_type.created"}]
    some = 'where: {history: {some: {type: {eq: "aircraft.status_changed"}}}}'
    changed = await api.data(f"{{ aircraftList({some}) {{ nodes {{ id }} }} }}")
    assert changed["aircraftList"]["nodes"] == [{"id": aircraft[0]}]


async def test_the_viewer_has_the_history_of_the_person(api: Api) -> None:
    rename = 'mutation { updateProfile(input: {name: "Pat Poe", expectedVersion: 1}) { errors { code } } }'
    await api.done(rename)
    await until(lambda: logged(api, "user.updated"))
    asked = "{ viewer { history { nodes { id type } } user { history { nodes { id type } } } } }"
    viewer = (await api.data(asked))["viewer"]
    assert viewer["history"] == viewer["user"]["history"]
    assert [node["type"] for node in viewer["history"]["nodes"]] == ["user.updated"]


async def test_the_log_is_filtered_by_target_actor_type_and_time(
    api: Api, owner: Person, aircraft: list[str], db: Database, settings: Settings
) -> None:
    first, second = aircraft
    assert await types(api, "{targetId: {eq: $id}}", id=first) == ["aircraft.status_changed", "aircraft.created"]
    assert await types(api, "{targetId: {in: $ids}}", ids=[second, first.replace("ac_", "at_")]) == ["aircraft.created"]
    assert await types(api, "{targetId: {in: []}}") == []
    assert first not in str(await api.data("query ($id: ID) { events(where: {targetId: {ne: $id}}) { nodes"
                                           " { targetId } } }", id=first))  # fmt: skip
    mine = '{actor: {user: {id: {eq: $me}}}, type: {startsWith: "aircraft."}}'
    assert len(await types(api, mine, me=f"usr_{owner.user_id}")) == 3
    other = await identity.person(db, settings, owner.org_id)
    assert await types(api, mine, me=f"usr_{other.user_id}") == []
    # Those that the relay moves at once share `recordedAt`.
    for time, latest in (("occurredAt", ["aircraft.status_changed"]), ("recordedAt", [])):
        found = await api.data(f"{{ events(orderBy: [{{{time}: ASC}}]) {{ nodes {{ {time} }} }} }}")
        times = [node[time] for node in found["events"]["nodes"]]
        assert times == sorted(times)
        assert await types(api, f'{{{time}: {{gt: "{times[-2 if latest else -1]}"}}}}') == latest
    for wrong in ("nonsense", "ac_1", ""):
        assert await api.code("query ($id: ID) { events(where: {targetId: {eq: $id}}) { totalCount } }", id=wrong) == (
            "BAD_USER_INPUT"
        )


async def test_history_needs_the_permission_to_read_events(
    api: Api, owner: Person, aircraft: list[str], db: Database, settings: Settings
) -> None:
    member = api.as_((await identity.person(db, settings, owner.org_id, "VIEWER")).token)
    assert (await member.data("query ($id: ID!) { aircraft(id: $id) { id } }", id=aircraft[0]))["aircraft"]
    asked = "query ($id: ID!) { aircraft(id: $id) { history { totalCount } } }"
    assert await member.code(asked, id=aircraft[0]) == "FORBIDDEN"
    guess = '{ aircraftList(where: {history: {some: {type: {eq: "aircraft.created"}}}}) { totalCount } }'
    assert await member.code(guess) == "FORBIDDEN"


SUBSCRIBE = """subscription ($after: String, $types: [String!], $targets: [ID!], $actors: [ID!]) {
  events(after: $after, types: $types, targets: $targets, actors: $actors) { cursor event { type targetId } } }"""


async def beginning(db: Database, settings: Settings, org_id: UUID) -> str:
    """A cursor before the organization's first event."""
    async with db.platform() as session:
        epoch = str(await session.scalar(text("SELECT event_epoch()")))
    return Cursors.from_settings(settings).encode(epoch, org_id, 0)


async def test_a_subscription_is_filtered_by_target_actor_and_type(
    api: Api, aircraft: list[str], owner: Person, db: Database, settings: Settings, server: Server
) -> None:
    after = await beginning(db, settings, owner.org_id)
    me, stranger = f"usr_{owner.user_id}", f"usr_{owner.org_id}"
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"targets": aircraft}, ["aircraft.created", "aircraft.created", "aircraft.status_changed"]),
        ({"targets": aircraft[:1], "types": ["aircraft.status_changed"]}, ["aircraft.status_changed"]),
        ({"actors": [me, stranger], "targets": aircraft[1:]}, ["aircraft.created"]),
    ]
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {owner.token}"})
        for filters, expected in wanted:
            await socket.subscribe("1", SUBSCRIBE, variables={"after": after} | filters)
            messages = [(await socket.receive())["payload"]["data"]["events"] for _ in expected]
            assert [message["event"]["type"] for message in messages] == expected
            assert {message["event"]["targetId"] for message in messages} <= set(filters["targets"])
            await socket.send({"id": "1", "type": "complete"})
        # What somebody else did is not sent: the next message is that of the other operation.
        await socket.subscribe("2", SUBSCRIBE, variables={"after": after, "actors": [stranger]})
        await socket.subscribe("3", SUBSCRIBE, variables={"after": after, "actors": [me], "targets": aircraft[1:]})
        assert (await socket.receive())["id"] == "3"
        for filters in ({"targets": ["nonsense"]}, {"actors": aircraft}):
            await socket.subscribe("4", SUBSCRIBE, variables=filters)
            assert "BAD_USER_INPUT" in str(await socket.all_of("4"))


async def test_how_long_events_are_kept_is_decided_by_who_may(
    api: Api, owner: Person, db: Database, settings: Settings
) -> None:
    kept = await api.done(KEEP, months=24, version=1)
    assert kept["organization"] == {"eventRetentionMonths": 24, "version": 2}
    for months in (0, -1, 1201):
        assert await api.refusals(KEEP, months=months, version=2) == [("OUT_OF_RANGE", ["input", "months"])]
    assert await api.code(KEEP, months=12, version=1) == "CONFLICT"
    auditor = api.as_((await identity.person(db, settings, owner.org_id, "AUDITOR")).token)
    assert await auditor.code(KEEP, months=12, version=2) == "FORBIDDEN"
    assert (await auditor.data("{ organization { eventRetentionMonths } eventArchives { totalCount } }")) == {
        "organization": {"eventRetentionMonths": 24},
        "eventArchives": {"totalCount": 0},
    }
    forever = await api.done(KEEP, version=2)
    assert forever["organization"] == {"eventRetentionMonths": None, "version": 3}
    await until(lambda: logged(api, "organization.event_retention_changed"))

    async def history() -> list[dict[str, Any]]:
        asked = "{ organization { history { nodes { type before after } } } }"
        nodes: list[dict[str, Any]] = (await api.data(asked))["organization"]["history"]["nodes"]
        return nodes if len(nodes) == 2 else []

    last, first = await until(history)
    assert (last["before"], last["after"]) == ({"event_retention_months": 24}, {"event_retention_months": None})
    assert (first["before"], first["after"]) == ({"event_retention_months": None}, {"event_retention_months": 24})
