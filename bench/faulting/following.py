"""Followers: each subscribes to its organization's events over a socket of its own, and resumes behind its last cursor
whenever the stream ends, for whatever reason."""

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from bench.faulting.writing import LOST, token_of

if TYPE_CHECKING:
    from bench.faulting.load import Organization, Run

FOLLOW = "subscription Follow($after: String) { events(after: $after) { cursor event { sequence id } } }"
LEAST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
OPEN_SECONDS = 30.0


class Follower:
    """`last` is the number of the last event that came, and every event up to it came exactly once."""

    def __init__(self, run: "Run", number: int, organization: "Organization") -> None:
        self._run = run
        self.number = number
        self.organization = organization
        self.cursor = organization.member.cursor
        self.last = 0
        self.connected = False

    async def run(self) -> None:
        pause = LEAST_PAUSE
        while True:
            before = self.last
            try:
                ended = await self._follow()
            except ConnectionClosed as closed:
                ended = f"closed {closed.rcvd.code if closed.rcvd else 'without a word'}"
                if closed.rcvd is not None and closed.rcvd.code == 4403:
                    self.organization.signed_in = -1e9
            except (*LOST, WebSocketException) as error:
                ended = type(error).__name__
            self.connected = False
            self._run.counts[f"follow: {ended}"] += 1
            pause = LEAST_PAUSE if self.last > before else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _follow(self) -> str:
        """Take messages until there are no more; why."""
        token = await token_of(self._run, self.organization)
        async with connect(
            f"ws://127.0.0.1:{self._run.order.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
        ) as socket:
            await self._subscribe(socket, token)
            self.connected = True
            while True:
                message = orjson.loads(await socket.recv())
                if message["type"] == "next" and not message["payload"].get("errors"):
                    self._take(message["payload"]["data"]["events"])
                elif message["type"] in ("next", "error"):
                    return self._refused(message["payload"])
                elif message["type"] == "complete":
                    return "complete"

    async def _subscribe(self, socket: ClientConnection, token: str) -> None:
        async with asyncio.timeout(OPEN_SECONDS):
            init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
            await socket.send(orjson.dumps(init).decode())
            await socket.recv()
        payload = {"query": FOLLOW, "variables": {"after": self.cursor}}
        await socket.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())

    def _refused(self, payload: Any) -> str:
        errors = payload["errors"] if isinstance(payload, dict) else payload
        code = str(errors[0]["extensions"]["code"])
        if code in ("RESYNC", "BAD_USER_INPUT", "FORBIDDEN"):
            self._run.violated(f"follower {self.number} was refused after event {self.last}: {errors}")
        return code

    def _take(self, message: dict[str, Any]) -> None:
        number, event_id = message["event"]["sequence"], message["event"]["id"]
        if number != self.last + 1:
            self._run.violated(f"follower {self.number} got event {number} after event {self.last}")
        known = self.organization.events
        if number == len(known) + 1:
            known.append(event_id)
        elif not 0 < number <= len(known) or known[number - 1] != event_id:
            self._run.violated(f"follower {self.number} got another event {number} than others did: {event_id}")
        self.last = max(self.last, number)
        self.cursor = message["cursor"]
        self._run.received += 1
