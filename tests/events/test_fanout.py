"""One rendering for all who asked the same: over sockets and streams, of the application as it is."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed

from db.fleet.aircraft import AircraftStatus
from db.session import Database
from domain.context import Actor
from domain.events.cursors import Cursors
from domain.events.reading import read_head
from domain.fleet import aircraft as aircraft_commands
from graph import fanout
from graph.app import create_app
from runtime import metrics
from runtime.settings import Settings
from tests.conftest import Server, serving
from tests.edge.sockets import Socket, opened
from tests.edge.streams import streaming
from tests.factories import identity
from tests.factories.events import until, write
from tests.factories.fleet import aircraft, command
from tests.factories.identity import Person

BOARD = """subscription ($after: String, $ids: [ID!], $where: AircraftFilter) {
  board: aircraftChanged(after: $after, ids: $ids, where: $where) {
    __typename cursor type id same: id event { sequence } aircraft { registration status } other: aircraft { id } } }"""
EVENTS = "subscription ($after: String) { events(after: $after) { cursor event { sequence type after } } }"


class Org:
    """An organization with an owner who changes things."""

    def __init__(self, db: Database, settings: Settings, owner: Person, actor: Actor, epoch: str) -> None:
        self.db, self.settings, self.owner, self.actor = db, settings, owner, actor
        self._epoch = epoch

    def cursor(self, seq: int) -> str:
        return Cursors.from_settings(self.settings).encode(self._epoch, self.owner.org_id, seq)

    async def head(self) -> int:
        """The number of the last event, when nothing waits for its number."""

        async def settled() -> bool:
            async with self.db.platform() as session:
                waiting = text("SELECT NOT EXISTS (SELECT FROM outbox_pending WHERE org_id = :id)")
                return bool(await session.scalar(waiting, {"id": self.owner.org_id}))

        await until(settled)
        return await read_head(self.db, self.owner.org_id)

    async def set_status(self, aircraft_id: UUID, status: AircraftStatus) -> None:
        async with command(self.db, self.actor) as ctx:
            await aircraft_commands.set_status(ctx, aircraft_id, status=status)

    async def someone(self, *roles: str) -> Person:
        return await identity.person(self.db, self.settings, self.owner.org_id, *roles)


@pytest.fixture
async def org(db: Database, settings: Settings) -> Org:
    owner = await identity.owner(db, settings)
    async with db.platform() as session:
        epoch = str(await session.scalar(text("SELECT event_epoch()")))
    return Org(db, settings, owner, await identity.actor(db, owner), epoch)


async def listening(
    stack: AsyncExitStack, server: Server, who: Person, query: str = EVENTS, name: str = "1", **variables: Any
) -> Socket:
    socket = await stack.enter_async_context(opened(server))
    await socket.init({"authorization": f"Bearer {who.token}"})
    await socket.subscribe(name, query, variables=variables)
    return socket


async def message(socket: Socket) -> Any:
    """The data of the next message's only field."""
    received = await socket.receive()
    assert received["type"] == "next", received
    assert "errors" not in received["payload"], received
    [found] = received["payload"]["data"].values()
    return found


def rendered() -> float:
    return float(metrics.LIVE_RENDERS._value.get())


async def test_equal_subscriptions_are_rendered_once(server: Server, org: Org) -> None:
    plane = await aircraft(org.db, org.actor)
    after = org.cursor(await org.head())
    people = [org.owner, await org.someone(), await org.someone("SAFETY_MANAGER")]
    async with AsyncExitStack() as stack:
        all_of = [
            await listening(stack, server, who, BOARD, name, after=after)
            for who in people
            for name in ("1", "a longer name", 'ü"\\')
        ]
        before = rendered()
        for status in (AircraftStatus.MAINTENANCE, AircraftStatus.STORED):
            await org.set_status(plane, status)
            messages = [await message(socket) for socket in all_of]
            assert all(each == messages[0] for each in messages)
            first = messages[0]
            assert first["__typename"] == "AircraftChangedMessage"
            assert (first["type"], first["aircraft"]["status"]) == ("aircraft.status_changed", status)
            assert first["id"] == first["same"] == first["other"]["id"] == f"ac_{plane}"
            assert first["cursor"] == org.cursor(first["event"]["sequence"])
        # Two owners have the same permissions, and so share a rendering; the third has others.
        assert rendered() - before == 2 * 2


async def test_what_differs_is_not_shared(server: Server, org: Org) -> None:
    one, other = await aircraft(org.db, org.actor), await aircraft(org.db, org.actor)
    after = org.cursor(await org.head())
    async with AsyncExitStack() as stack:
        first = await listening(stack, server, org.owner, BOARD, ids=[f"ac_{one}"], after=after)
        second = await listening(stack, server, org.owner, BOARD, ids=[f"ac_{other}"], after=after)
        both = await listening(stack, server, org.owner, BOARD, after=after)
        await org.set_status(one, AircraftStatus.STORED)
        await org.set_status(other, AircraftStatus.STORED)
        assert (await message(first))["id"] == f"ac_{one}"
        assert (await message(second))["id"] == f"ac_{other}"
        assert [(await message(both))["id"] for _ in range(2)] == [f"ac_{one}", f"ac_{other}"]


@pytest.mark.parametrize("ids", [["at_00000000-0000-0000-0000-000000000001"], ["x"], ["ac_x"], ["ac_1"] * 1_001])
async def test_ids_of_another_type_are_refused(server: Server, org: Org, ids: list[str]) -> None:
    async with AsyncExitStack() as stack:
        socket = await listening(stack, server, org.owner, BOARD, ids=ids)
        refused = await socket.receive()
    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_where_keeps_a_board_up_to_date(server: Server, org: Org) -> None:
    plane = await aircraft(org.db, org.actor, status=AircraftStatus.ACTIVE)
    after = org.cursor(await org.head())
    where = {"status": {"eq": "ACTIVE"}}
    async with AsyncExitStack() as stack:
        board = await listening(stack, server, org.owner, BOARD, where=where, after=after)
        await org.set_status(plane, AircraftStatus.STORED)
        gone = await message(board)
        assert (gone["id"], gone["aircraft"], gone["other"]) == (f"ac_{plane}", None, None)
        await aircraft(org.db, org.actor, status=AircraftStatus.STORED)  # never comes on the board
        new = await aircraft(org.db, org.actor, status=AircraftStatus.ACTIVE)
        created = await message(board)
        assert (created["type"], created["id"], created["aircraft"]["status"]) == (
            "aircraft.created",
            f"ac_{new}",
            "ACTIVE",
        )
        await org.set_status(plane, AircraftStatus.ACTIVE)
        assert (await message(board))["aircraft"]["status"] == "ACTIVE"
        async with command(org.db, org.actor) as ctx:
            await aircraft_commands.delete(ctx, new, expected_version=1)
        deleted = await message(board)
        assert (deleted["type"], deleted["aircraft"]) == ("aircraft.deleted", None)


async def test_who_comes_back_is_served_from_memory(server: Server, org: Org) -> None:
    first = await org.head()
    async with AsyncExitStack() as stack:
        stays = await listening(stack, server, org.owner, after=org.cursor(first))
        await write(org.db, org.owner.org_id, 20)
        seen = [await message(stays) for _ in range(20)]
        before = rendered()
        again = [
            await listening(stack, server, org.owner, after=seen[number - 1]["cursor"]) for number in (1, 5, 19, 20)
        ]
        await write(org.db, org.owner.org_id)
        expected = [*seen, await message(stays)]
        for socket, number in zip(again, (1, 5, 19, 20), strict=True):
            assert [await message(socket) for _ in expected[number:]] == expected[number:]
        assert rendered() - before == 1


async def test_who_was_away_for_long_shares_the_rendering(
    server: Server, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "KEPT_MESSAGES", 8)
    begin = await org.head()
    async with AsyncExitStack() as stack:
        stays = await listening(stack, server, org.owner, after=org.cursor(begin))
        for _ in range(5):
            await write(org.db, org.owner.org_id, 40)
        seen = [await message(stays) for _ in range(200)]
        before = rendered()
        places = [0, 0, 1, 63, 64, 100, 150, 0]
        again = await asyncio.gather(
            *(listening(stack, server, org.owner, after=org.cursor(begin + place)) for place in places)
        )
        await write(org.db, org.owner.org_id)
        expected = [*seen, await message(stays)]
        for socket, place in zip(again, places, strict=True):
            assert [await message(socket) for _ in expected[place:]] == expected[place:]
        assert rendered() - before < 300, "eight times some 150"


async def test_a_channel_that_rested_goes_on(server: Server, org: Org) -> None:
    begin = await org.head()
    async with AsyncExitStack() as stack:
        socket = await listening(stack, server, org.owner, after=org.cursor(begin))
        await write(org.db, org.owner.org_id, 3)
        seen = [await message(socket) for _ in range(3)]
    await write(org.db, org.owner.org_id, 3)
    await org.head()
    async with AsyncExitStack() as stack:
        socket = await listening(stack, server, org.owner, after=seen[1]["cursor"])
        await write(org.db, org.owner.org_id)
        numbers = [(await message(socket))["event"]["sequence"] for _ in range(5)]
        assert numbers == list(range(begin + 3, begin + 8))


@pytest.mark.parametrize("size", [10, 5_000, 200_000])
@pytest.mark.parametrize("compressed", [True, False])
async def test_texts_of_every_size_arrive(server: Server, org: Org, size: int, compressed: bool) -> None:
    """Compressed or not, and beside messages of the socket's own."""
    after = {"text": "é\n" * (size // 2)}
    cursor = org.cursor(await org.head())
    async with AsyncExitStack() as stack:
        socket = await stack.enter_async_context(opened(server, compressed=compressed))
        await socket.init({"authorization": f"Bearer {org.owner.token}"})
        for name in ("1", "ü" * 200):
            await socket.subscribe(name, EVENTS, variables={"after": cursor})
        for _ in range(2):
            await write(org.db, org.owner.org_id, after=after)
            found = [await socket.receive() for _ in range(2)]
            assert {each["id"] for each in found} == {"1", "ü" * 200}
            assert all(each["payload"]["data"]["events"]["event"]["after"] == after for each in found)
            await socket.send({"type": "ping", "payload": {"text": "x" * 3_000}})
            assert (await socket.receive())["payload"] == {"text": "x" * 3_000}


async def take_all(socket: Socket, taken: list[Any]) -> None:
    while True:
        taken.append(await message(socket))


async def test_a_slow_connection_is_closed_and_resumes_and_others_go_on(
    server: Server, org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "QUEUE", 4)
    begin, size, count = await org.head(), 500_000, 30  # more than the kernel's buffers hold
    async with AsyncExitStack() as stack:
        quick = await listening(stack, server, org.owner, after=org.cursor(begin))
        slow = await stack.enter_async_context(opened(server, compressed=False))
        await slow.init({"authorization": f"Bearer {org.owner.token}"})
        slow.connection.transport.pause_reading()
        await slow.subscribe("1", EVENTS, variables={"after": org.cursor(begin)})
        for number in range(count):
            await write(org.db, org.owner.org_id, after={"text": f"{number}" + "x" * size})
            assert (await message(quick))["event"]["sequence"] == begin + number + 1
        slow.connection.transport.resume_reading()
        taken: list[Any] = []
        with pytest.raises(ConnectionClosed) as closed:
            await take_all(slow, taken)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert 0 < len(taken) < count
        again = await listening(stack, server, org.owner, after=taken[-1]["cursor"])
        taken += [await message(again) for _ in range(count - len(taken))]
        assert [each["event"]["sequence"] for each in taken] == list(range(begin + 1, begin + count + 1))


async def test_streams_get_the_same_and_resume(server: Server, org: Org, http: httpx.AsyncClient) -> None:
    begin = await org.head()
    headers = {"authorization": f"Bearer {org.owner.token}"}
    async with AsyncExitStack() as stack:
        socket = await listening(stack, server, org.owner, after=org.cursor(begin))
        await write(org.db, org.owner.org_id, 3)
        expected = [await message(socket) for _ in range(3)]
        before = rendered()
        async with streaming(http, EVENTS, headers, variables={"after": org.cursor(begin)}) as stream:
            first = await stream.event()
            assert first is not None
            assert (first.result["data"]["events"], first.id) == (expected[0], expected[0]["cursor"])
        resumed = headers | {"last-event-id": first.id}
        async with streaming(http, EVENTS, resumed, variables={"after": org.cursor(begin)}) as stream:
            found = [await stream.event() for _ in range(2)]
        assert [each.result["data"]["events"] for each in found if each is not None] == expected[1:]
        assert rendered() == before


@pytest.fixture
async def other_process(settings: Settings) -> AsyncIterator[Server]:
    with sockets.create_server(("127.0.0.1", 0)) as bound:
        running = serving(create_app(settings), bound)
        yield await asyncio.to_thread(running.__enter__)
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_who_may_no_more_hears_no_more_on_every_process(
    server: Server, other_process: Server, org: Org, http: httpx.AsyncClient
) -> None:
    leaver, demoted = await org.someone(), await org.someone()
    async with AsyncExitStack() as stack:
        ended = [await listening(stack, each, leaver) for each in (server, other_process)]
        lost = [await listening(stack, each, demoted) for each in (server, other_process)]
        signed_out = await http.post(
            "/graphql",
            json={"query": "mutation { signOut { errors { code } } }"},
            headers={"authorization": f"Bearer {leaver.token}"},
        )
        assert signed_out.json()["data"]["signOut"]["errors"] == []
        change = "mutation ($in: ChangeMemberRolesInput!) { changeMemberRoles(input: $in) { errors { code } } }"
        given = {"id": f"mem_{demoted.membership_id}", "expectedVersion": 1, "roles": ["VIEWER"]}
        changed = await http.post(
            "/graphql",
            json={"query": change, "variables": {"in": given}},
            headers={"authorization": f"Bearer {org.owner.token}"},
        )
        assert changed.json()["data"]["changeMemberRoles"]["errors"] == [], changed.text
        async with asyncio.timeout(2):
            for socket in (*ended, *lost):
                assert (await socket.closed())[0] == 4403
