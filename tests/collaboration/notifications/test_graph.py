"""Notifications over HTTP and sockets: one's own, and nobody else's."""

from typing import Any

from sqlalchemy import text

from db.fleet.aircraft import AircraftStatus
from db.session import Database
from domain.events.cursors import Cursors
from domain.identity import memberships
from runtime.settings import Settings
from tests.collaboration.notifications.conftest import Crew
from tests.collaboration.notifications.test_telling import set_status, statuses
from tests.conftest import Server
from tests.edge.sockets import Socket, opened
from tests.factories import fleet, identity
from tests.factories.api import Api
from tests.factories.identity import Person
from tests.factories.notifications import head, stored, told

LIST = """query ($where: NotificationFilter) { notifications(first: 10, where: $where) { totalCount nodes {
  id sequence kind text targetType target { ... on Aircraft { registration } } actor { name } event { type }
  occurredAt createdAt readAt } } }"""
COUNT = "{ notificationInbox { unreadCount } notifications { totalCount } }"
MARK = """mutation ($input: MarkNotificationsReadInput!) { markNotificationsRead(input: $input) {
  notificationInbox { unreadCount } errors { code path } } }"""
PREFERENCES = "{ notificationPreferences { inApp mail } }"
SET = """mutation ($input: SetNotificationPreferenceInput!) { setNotificationPreference(input: $input) {
  notificationPreferences { inApp mail } errors { code } } }"""
LISTEN = """subscription ($after: String) { notifications(after: $after) {
  cursor notification { id text readAt } inbox { unreadCount } } }"""


async def test_people_see_their_own(db: Database, settings: Settings, crew: Crew) -> None:
    aircraft_id = await fleet.aircraft(db, crew.boss, registration="D-ASEE")
    await set_status(db, crew, aircraft_id, AircraftStatus.STORED)
    await told(db, crew.org_id)
    planner = crew.api(crew.planner)
    found = (await planner.data(LIST))["notifications"]
    [shown] = found["nodes"]
    assert found["totalCount"] == 1
    assert (shown["kind"], shown["text"]) == ("AIRCRAFT_STATUS", "Pat Doe set D-ASEE from ACTIVE to STORED.")
    assert (shown["target"], shown["actor"]) == ({"registration": "D-ASEE"}, {"name": "Pat Doe"})
    assert (shown["event"], shown["readAt"]) == ({"type": "aircraft.status_changed"}, None)
    node = "query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } notification(id: $id) { text } }"
    mine = await planner.data(node, id=shown["id"])
    assert mine["node"] == mine["nodes"][0] == {"id": shown["id"]}
    for other in (crew.owner, crew.reader, await identity.owner(db, settings)):
        answer = await crew.api(other).data(node, id=shown["id"])
        assert answer == {"node": None, "nodes": [None], "notification": None}
        assert await crew.api(other).data(COUNT) == {
            "notificationInbox": {"unreadCount": 0},
            "notifications": {"totalCount": 0},
        }
    # Who may read the whole log sees that somebody was told, and not what.
    target = '{ events(where: {type: {eq: "notification.sent"}}) { nodes { after } } }'
    assert (await crew.api(crew.owner).data(target))["events"]["nodes"] != []


async def test_reading_and_unreading(db: Database, crew: Crew) -> None:
    await statuses(db, crew, 5)
    rows = await told(db, crew.org_id)
    planner, given = crew.api(crew.planner), [f"ntf_{row.id}" for row in rows]

    async def mark(api: Api = planner, **input: Any) -> int:
        answer = await api.done(MARK, input=input)
        return int(answer["notificationInbox"]["unreadCount"])

    assert (await planner.data(COUNT))["notificationInbox"] == {"unreadCount": 5}
    assert await mark(ids=given[3:4]) == 4
    assert await mark(through=given[1]) == 2
    first = {row.id: row.read_at for row in await stored(db, crew.org_id)}
    assert await mark(through=given[1]) == 2
    assert {row.id: row.read_at for row in await stored(db, crew.org_id)} == first
    assert await mark(ids=[given[0], given[3]], read=False) == 4
    where = {"readAt": {"isNull": False}}
    assert [node["id"] for node in (await planner.data(LIST, where=where))["notifications"]["nodes"]] == [given[1]]
    assert await mark(crew.api(crew.reader), ids=given) == 0
    assert (await planner.data(COUNT))["notificationInbox"] == {"unreadCount": 4}
    assert await crew.api(crew.reader).refusals(MARK, input={"through": given[0]}) == [
        ("NOT_FOUND", ["input", "through"])
    ]
    assert await planner.refusals(MARK, input={}) == [("REQUIRED", ["input"])]
    assert await planner.refusals(MARK, input={"ids": given, "through": given[0]}) == [("REQUIRED", ["input"])]
    assert await planner.refusals(MARK, input={"ids": given * 201}) == [("OUT_OF_RANGE", ["input", "ids"])]
    assert await planner.code(MARK, input={"through": f"ac_{rows[0].id}"}) == "BAD_USER_INPUT"


async def test_preferences_hold_for_their_person(crew: Crew) -> None:
    planner = crew.api(crew.planner)
    usual = (await planner.data(PREFERENCES))["notificationPreferences"]
    assert usual["inApp"] == [
        "AIRCRAFT_STATUS", "ESCALATION", "FEED_MESSAGE", "MEMBERSHIP", "REMINDER", "SECURITY", "UTILISATION_CORRECTED",
    ]  # fmt: skip
    assert usual["mail"] == ["ESCALATION", "MEMBERSHIP", "REMINDER", "SECURITY", "UTILISATION_CORRECTED"]

    async def want(kind: str, channel: str, enabled: bool) -> Any:
        input = {"kind": kind, "channel": channel, "enabled": enabled}
        return (await planner.done(SET, input=input))["notificationPreferences"]

    reminded = ["REMINDER", "UTILISATION_CORRECTED"]
    assert (await want("SECURITY", "MAIL", False))["mail"] == ["ESCALATION", "MEMBERSHIP", *reminded]
    mailed = ["ESCALATION", "FEED_MESSAGE", "MEMBERSHIP", *reminded]
    assert (await want("FEED_MESSAGE", "MAIL", True))["mail"] == mailed
    assert "MEMBERSHIP" not in (await want("MEMBERSHIP", "IN_APP", False))["inApp"]
    assert await want("MEMBERSHIP", "IN_APP", True) == {
        "inApp": usual["inApp"],
        "mail": mailed,
    }
    assert (await crew.api(crew.reader).data(PREFERENCES))["notificationPreferences"] == usual


async def test_a_guest_has_no_notifications(db: Database, settings: Settings, crew: Crew) -> None:
    guest = await identity.person(db, settings, crew.org_id, member=False, is_superuser=True)
    api = crew.api(guest)
    assert await api.data(COUNT) == {"notificationInbox": {"unreadCount": 0}, "notifications": {"totalCount": 0}}
    assert await api.code(MARK, input={"ids": []}) == "NOT_FOUND"


async def listen(socket: Socket, person: Person, **variables: Any) -> None:
    await socket.init({"authorization": f"Bearer {person.token}"})
    await socket.subscribe("1", LISTEN, variables=variables)


async def message(socket: Socket) -> Any:
    received = await socket.receive()
    assert received["type"] == "next", received
    assert "errors" not in received["payload"], received
    return received["payload"]["data"]["notifications"]


async def cursor(db: Database, settings: Settings, crew: Crew) -> str:
    """Of the last event: what happens from now on comes behind it."""
    async with db.platform() as session:
        epoch = str(await session.scalar(text("SELECT event_epoch()")))
    return Cursors.from_settings(settings).encode(epoch, crew.org_id, await head(db, crew.org_id))


async def test_they_come_live_and_resume(db: Database, settings: Settings, crew: Crew, server: Server) -> None:
    reader = crew.reader
    async with opened(server) as socket, opened(server) as other:
        begin = await cursor(db, settings, crew)
        await listen(socket, crew.planner, after=begin)
        await listen(other, reader, after=begin)
        aircraft_id = await fleet.aircraft(db, crew.boss, registration="D-ALIVE")
        for status in (AircraftStatus.STORED, AircraftStatus.ACTIVE):
            await set_status(db, crew, aircraft_id, status)
        await told(db, crew.org_id)
        first, second = await message(socket), await message(socket)
        assert first["notification"]["text"] == "Pat Doe set D-ALIVE from ACTIVE to STORED."
        assert second["inbox"] == {"unreadCount": 2}
        # What the planner was told did not go to the reader: theirs is the first they hear.
        async with fleet.command(db, crew.boss) as ctx:
            assert reader.membership_id
            await memberships.change_roles(ctx, reader.membership_id, roles=["VIEWER", "MEMBER"], expected_version=1)
        await told(db, crew.org_id)
        assert "roles" in (await message(other))["notification"]["text"]
    await set_status(db, crew, aircraft_id, AircraftStatus.RETIRED)
    await told(db, crew.org_id)
    async with opened(server) as socket:
        await listen(socket, crew.planner, after=first["cursor"])
        again, third = await message(socket), await message(socket)
        assert again["notification"] == second["notification"]
        assert again["cursor"] == second["cursor"]
        assert third["notification"]["text"].endswith("to RETIRED.")
