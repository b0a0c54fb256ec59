"""A crowd of subscribers in a process of its own: raw sockets, and just enough of WebSocket to read what comes.

The process takes one JSON order a line on standard input and answers each with one JSON line. Of every message it is
checked that its number follows the one before: what is lost or doubled is counted.
"""

import asyncio
import base64
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, cast

import orjson
import uvloop

from bench.kit.programs import piped

NUMBER, CURSOR = b'"sequence":', b'"cursor":"'
AT_ONCE = 64  # connections that are being opened
INIT, SUBSCRIBED = 1, 2


class CrowdError(Exception):
    """The crowd could not do what it was ordered to."""


class Group:
    """Subscribers to one server, and when messages came to them."""

    def __init__(self, port: int, tokens: list[str], documents: list[str]) -> None:
        self.port = port
        self.tokens = tokens
        self.documents = documents
        self.members: list[Subscriber] = []
        self.arrivals: dict[int, list[float]] = {}
        self.received = self.lost = self.doubled = 0
        self.broken: list[str] = []

    def begin(self) -> None:
        """Forget what came so far."""
        self.arrivals.clear()
        self.received = self.lost = self.doubled = 0


class Subscriber(asyncio.Protocol):
    """One connection. With a token it speaks graphql-transport-ws; without, it just listens."""

    def __init__(self, group: Group, number: int) -> None:
        self.group = group
        self.number = number
        self.last = 0
        self.cursor: str | None = None
        self.text = b""
        self.leaving = False
        self.reset()

    def reset(self) -> None:
        self.buffer = b""
        self.state = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /graphql HTTP/1.1",
            f"Host: 127.0.0.1:{self.group.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send(self, message: dict[str, Any]) -> None:
        """One masked text frame; the mask is zero, so the text stays as it is."""
        text = orjson.dumps(message)
        size = len(text)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        self.transport.write(head + b"\0\0\0\0" + text)

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        if not self.state:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return
            self._opened(data[:end])
            data = data[end + 4 :]
        place, size = 0, len(data)
        while size - place >= 2:
            length, begin = data[place + 1], place + 2
            if length == 126:
                length, begin = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            elif length == 127:
                length, begin = int.from_bytes(data[place + 2 : place + 10], "big"), place + 10
            if size < begin + length:
                break
            self._frame(data[place] & 15, data[begin : begin + length])
            place = begin + length
        self.buffer = data[place:]

    def _opened(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            self._broken(f"refused: {head[:200]!r}")
        elif self.group.tokens:
            token = self.group.tokens[self.number % len(self.group.tokens)]
            self.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
            self.state = INIT
        else:
            self.state = SUBSCRIBED
            self.ready.set_result(None)

    def _frame(self, opcode: int, text: bytes) -> None:
        if opcode == 9:
            self.transport.write(bytes((0x8A, 0x80 | len(text))) + b"\0\0\0\0" + text)
        elif opcode == 8:
            self._broken(f"closed: {text[:200]!r}")
        elif self.state == SUBSCRIBED:
            self._message(text)
        elif b"connection_ack" in text:
            self.state = SUBSCRIBED
            query = self.group.documents[self.number % len(self.group.documents)]
            payload = {"query": query, "variables": {"after": self.cursor}}
            self.send({"id": "1", "type": "subscribe", "payload": payload})
            self.ready.set_result(None)

    def _message(self, text: bytes) -> None:
        now, group = perf_counter(), self.group
        at = text.find(NUMBER)
        if at < 0:
            self._broken(f"said: {text[:300]!r}")
            return
        end = at + len(NUMBER)
        while 48 <= text[end] <= 57:
            end += 1
        number = int(text[at + len(NUMBER) : end])
        group.received += 1
        if number <= self.last:
            group.doubled += 1
            return
        if self.last and number > self.last + 1:
            group.lost += number - self.last - 1
        self.last, self.text = number, text
        group.arrivals.setdefault(number, []).append(now)

    def remember(self) -> None:
        """Where to go on."""
        if self.text:
            self.cursor = self.text.partition(CURSOR)[2].partition(b'"')[0].decode()

    def _broken(self, reason: str) -> None:
        self.group.broken.append(reason)
        if not self.ready.done():
            self.ready.set_exception(CrowdError(reason))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.leaving:
            self._broken(f"lost: {exc!r}")


async def connect(group: Group, members: list[Subscriber], at_once: int) -> None:
    gate = asyncio.Semaphore(at_once)

    async def one(member: Subscriber) -> None:
        async with gate:
            member.leaving = False
            member.reset()
            # A source address has some 28,000 ports.
            source = (f"127.0.0.{2 + member.number // 20_000}", 0)
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: member, "127.0.0.1", group.port, local_addr=source)
            await member.ready

    await asyncio.gather(*(one(member) for member in members))


async def until_received(group: Group, count: int, seconds: float) -> None:
    ends = perf_counter() + seconds
    while group.received < count and perf_counter() < ends and not group.broken:  # noqa: ASYNC110 - cheaper than an event a message
        await asyncio.sleep(0.005)


def figures(group: Group, commits: dict[str, float]) -> dict[str, Any]:
    """What came, with the times from commit to arrival in milliseconds."""
    times = sorted(
        (at - commits[str(number)]) * 1e3
        for number, arrived in group.arrivals.items()
        if str(number) in commits
        for at in arrived
    ) or [0.0]
    return {
        "received": group.received,
        "lost": group.lost,
        "doubled": group.doubled,
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))],
        "worst_ms": times[-1],
        "broken": group.broken[:3],
    }


class Crowd:
    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}

    async def gather(self, order: dict[str, Any]) -> dict[str, Any]:
        """Connect new subscribers to a group."""
        group = self.groups.get(order["group"])
        if group is None:
            group = self.groups[order["group"]] = Group(order["port"], order["tokens"], order["documents"])
        began = len(group.members)
        new = [Subscriber(group, number) for number in range(began, began + order["count"])]
        for member in new:
            member.cursor = order["after"]
        group.members += new
        started = perf_counter()
        await connect(group, new, AT_ONCE)
        return {"seconds": perf_counter() - started}

    async def begin(self, order: dict[str, Any]) -> dict[str, Any]:
        self.groups[order["group"]].begin()
        return {}

    async def forget(self, order: dict[str, Any]) -> dict[str, Any]:
        """As `begin`; and numbers begin anew."""
        group = self.groups[order["group"]]
        group.begin()
        for member in group.members:
            member.last = 0
        return {}

    async def wait(self, order: dict[str, Any]) -> dict[str, Any]:
        """Wait until so many messages came, and a moment for one too many."""
        group = self.groups[order["group"]]
        await until_received(group, order["count"], order["seconds"])
        await asyncio.sleep(0.1)
        last = group.members[0].text.decode()
        return {**figures(group, order["commits"]), "text": last}

    async def leave(self, order: dict[str, Any]) -> dict[str, Any]:
        """All drop their connections, and remember where they were."""
        group = self.groups[order["group"]]
        for member in group.members:
            member.remember()
            member.leaving = True
            member.transport.abort()
        if order["for_good"]:
            del self.groups[order["group"]]
        return {}

    async def come_back(self, order: dict[str, Any]) -> dict[str, Any]:
        """All come back at once; the time until each has what it missed."""
        group = self.groups[order["group"]]
        group.begin()
        started = perf_counter()
        await connect(group, group.members, len(group.members))
        connected = perf_counter() - started
        await until_received(group, order["count"], order["seconds"])
        seconds = perf_counter() - started
        behind = sum(member.last < order["last"] for member in group.members)
        return {**figures(group, {}), "connected_seconds": connected, "seconds": seconds, "behind": behind}


async def serve() -> None:
    """Carry out orders until standard input ends."""
    crowd = Crowd()
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = orjson.loads(line)
        try:
            answer = await getattr(crowd, order["do"])(order)
        except (CrowdError, OSError) as error:
            answer = {"failed": f"{order['do']}: {error}"}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


class Caller:
    """The crowd's process, seen from the benchmark."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def order(self, do: str, group: str, **more: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(orjson.dumps({"do": do, "group": group, **more}) + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = orjson.loads(self._process.stdout.readline() or b'{"failed": "it has ended"}')
        if "failed" in answer:
            raise CrowdError(f"The crowd: {answer['failed']}")
        return answer


@contextmanager
def crowd() -> Iterator[Caller]:
    with piped("bench.living.crowd") as process:
        yield Caller(process)


def raise_limit() -> int:
    """As many open files as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the benchmark's to handle
    uvloop.run(serve())
