"""The main job, over the wire: what one window changes arrives in another, and again after a break."""

from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from db.session import Database
from domain.events.cursors import Cursors
from domain.events.reading import read_head
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import Socket, opened
from tests.factories.api import Api
from tests.factories.identity import Person, owner

EVENTS = """subscription ($after: String) { events(after: $after) {
    cursor event { sequence type actor { ... on User { id } } after } } }"""
RENAME = """
mutation ($version: Int!, $name: String!) {
  updateProfile(input: {expectedVersion: $version, name: $name}) { user { name } errors { message path code } }
}
"""


@pytest.fixture
async def me(db: Database, settings: Settings) -> Person:
    return await owner(db, settings)


async def window(stack: AsyncExitStack, server: Server, me: Person, after: str) -> Socket:
    socket = await stack.enter_async_context(opened(server))
    await socket.init({"authorization": f"Bearer {me.token}"})
    await socket.subscribe("1", EVENTS, variables={"after": after})
    return socket


async def head(db: Database, settings: Settings, me: Person) -> str:
    """The cursor of the organization's last event."""
    async with db.platform() as session:
        epoch = str(await session.scalar(text("SELECT event_epoch()")))
    return Cursors.from_settings(settings).encode(epoch, me.org_id, await read_head(db, me.org_id))


async def next_event(socket: Socket) -> Any:
    message = await socket.receive()
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return message["payload"]["data"]["events"]


async def test_a_mutation_arrives_in_every_window_and_after_a_break(
    server: Server, http: httpx.AsyncClient, db: Database, settings: Settings, me: Person
) -> None:
    api = Api(http, me.token)

    async def rename(name: str) -> None:
        version = (await api.data("{ viewer { version } }"))["viewer"]["version"]
        assert (await api.done(RENAME, version=version, name=name))["user"] == {"name": name}

    async with AsyncExitStack() as stack:
        # With a cursor: "from now on" could begin after the first change.
        first, second = [await window(stack, server, me, await head(db, settings, me)) for _ in range(2)]
        cursors: dict[str, str] = {}
        for name in ("Ann", "Bea", "Cleo"):
            await rename(name)
            for key, socket in (("first", first), ("second", second)):
                message = await next_event(socket)
                assert message["event"]["type"] == "user.updated"
                assert message["event"]["after"]["name"] == name
                assert message["event"]["actor"] == {"id": f"usr_{me.user_id}"}
                cursors[key] = message["cursor"]
    assert cursors["first"] == cursors["second"]
    await rename("Dora")
    await rename("Eve")
    async with AsyncExitStack() as stack:
        again = await window(stack, server, me, cursors["first"])
        assert [(await next_event(again))["event"]["after"]["name"] for _ in range(2)] == ["Dora", "Eve"]
        await rename("Flo")
        assert (await next_event(again))["event"]["after"]["name"] == "Flo"
