"""The subscriptions of the feed and of presence, over a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from db.session import Database
from tests.collaboration.conftest import Place, Someone
from tests.conftest import Server
from tests.edge.sockets import Socket, opened
from tests.factories.collaboration import message

FEED = """subscription ($after: String) { feedChanged(after: $after) {
  cursor type id feedMessage { id text deletedAt channel { name } } } }"""
PRESENCE = """subscription ($after: String) { presenceChanged(after: $after) {
  cursor type id event { before after } presence { id state user { id } } } }"""
NOW = "mutation ($state: PresenceState!) { reportPresence(state: $state) { cursor errors { code } } }"


async def said(who: Someone, state: str = "ACTIVE") -> str:
    """A sign of life; the cursor that it answers."""
    return str((await who.api.done(NOW, state=state))["cursor"])


@asynccontextmanager
async def listening(server: Server, who: Someone, query: str, after: str | None = None) -> AsyncIterator[Socket]:
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {who.person.token}"})
        await socket.subscribe("1", query, variables={"after": after})
        yield socket


async def heard(socket: Socket) -> Any:
    [message] = (await socket.receive())["payload"]["data"].values()
    return message


async def test_everybody_hears_what_they_may_read(place: Place, server: Server, db: Database) -> None:
    cursor = await said(place.owner)
    async with (
        listening(server, place.ines, FEED, cursor) as inside,
        listening(server, place.otto, FEED, cursor) as out,
    ):
        await message(db, place.owner.actor, "For us", channel_id=place.department_id)
        made = await message(db, place.owner.actor, "For all")
        first, second = await heard(inside), await heard(inside)
        assert (first["type"], first["feedMessage"]["text"]) == ("feed.posted", "For us")
        assert first["feedMessage"]["channel"] == {"name": "Hangar"}
        assert second["feedMessage"]["text"] == "For all"
        assert await heard(out) == second  # and nothing before it
        await place.owner.api.done(f'mutation {{ deleteFeedMessage(id: "fm_{made}") {{ errors {{ code }} }} }}')
        gone = await heard(out)
        assert (gone["type"], gone["id"], gone["feedMessage"]["text"]) == ("feed.deleted", f"fm_{made}", None)
        assert await heard(inside) == gone
    # Behind a cursor comes what was missed, as it is now.
    async with listening(server, place.ines, FEED, first["cursor"]) as again:
        assert [(await heard(again))["type"] for _ in range(2)] == ["feed.posted", "feed.deleted"]
        await message(db, place.otto.actor, "And on")
        assert (await heard(again))["feedMessage"]["text"] == "And on"


async def test_presence_as_it_changes(place: Place, server: Server) -> None:
    cursor = await said(place.owner)
    async with listening(server, place.owner, PRESENCE, cursor) as socket:
        for state in ("ACTIVE", "ACTIVE", "IDLE"):
            await said(place.otto, state)
        own = await heard(socket)  # what its own cursor was given with
        assert own["presence"]["user"]["id"] == f"usr_{place.owner.actor.user_id}"
        came, idled = await heard(socket), await heard(socket)
        assert came["event"] == {"before": {"state": "OFFLINE"}, "after": {"state": "ACTIVE"}}
        assert idled["event"] == {"before": {"state": "ACTIVE"}, "after": {"state": "IDLE"}}
        assert idled["presence"]["state"] == "IDLE"
        assert came["id"] == came["presence"]["id"] == idled["id"]


async def test_one_channel_alone(place: Place, server: Server, db: Database) -> None:
    query = """subscription ($after: String, $channel: ID!) {
      feedChanged(after: $after, where: {channelId: {eq: $channel}}) { cursor type feedMessage { text } } }"""
    cursor = await said(place.owner)
    async with opened(server) as socket:
        await socket.init({"authorization": f"Bearer {place.ines.person.token}"})
        await socket.subscribe("1", query, variables={"after": cursor, "channel": place.hangar})
        await message(db, place.owner.actor, "For all")
        await message(db, place.owner.actor, "For us", channel_id=place.department_id)
        assert (await heard(socket))["feedMessage"] == {"text": "For us"}
