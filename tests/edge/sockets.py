"""A plain client of graphql-transport-ws, which can also break every rule of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.conftest import Server

PROTOCOL = "graphql-transport-ws"


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: Any) -> None:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.connection.send(text)

    async def receive(self) -> Any:
        async with asyncio.timeout(10):
            return json.loads(await self.connection.recv(decode=True))

    async def init(self, payload: Any = None) -> None:
        await self.send({"type": "connection_init", **({} if payload is None else {"payload": payload})})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, identifier: str, query: str, **more: Any) -> None:
        await self.send({"id": identifier, "type": "subscribe", "payload": {"query": query, **more}})

    async def all_of(self, identifier: str) -> list[dict[str, Any]]:
        """The messages of one operation until it ends."""
        messages = []
        while True:
            message = await self.receive()
            if message.get("id") == identifier:
                messages.append(message)
                if message["type"] in ("complete", "error"):
                    return messages

    async def _read_on(self) -> None:
        while True:
            await self.connection.recv()

    async def closed(self) -> tuple[int, str]:
        """The code and reason that the server closes with; messages before it are skipped."""
        with pytest.raises(ConnectionClosed) as end:
            await asyncio.wait_for(self._read_on(), 10)
        frame = end.value.rcvd
        assert frame is not None, "the connection was dropped without a close frame"
        return frame.code, frame.reason


@asynccontextmanager
async def opened(server: Server, *protocols: str, path: str = "", compressed: bool = True) -> AsyncIterator[Socket]:
    names = [Subprotocol(name) for name in protocols or (PROTOCOL,)]
    compression = "deflate" if compressed else None
    async with connect(
        server.ws + path, subprotocols=names, close_timeout=1, max_size=None, compression=compression
    ) as connection:
        yield Socket(connection)
