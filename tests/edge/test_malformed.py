"""Thousands of malformed requests on real sockets: no 5xx, no traceback, and every answer says what was wrong."""

import asyncio
import base64
import json
import re
from collections import Counter
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.conftest import Server
from tests.edge.conftest import Person, until
from tests.edge.malformed import http_requests, request, socket_messages
from tests.edge.room import counters
from tests.edge.sockets import PROTOCOL

HTTP_COUNT = 1_600
SOCKET_COUNT = 700
AT_ONCE = 16


async def exchange(server: Server, raw: bytes, *, after: bytes = b"") -> bytes:
    """The server's first answer to these bytes; with `after`, sent then, everything until it closes."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(raw)
        async with asyncio.timeout(15):
            head = await reader.readuntil(b"\r\n\r\n")
            if after:
                writer.write(after)
                return head + await reader.read()
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            return head + (await reader.readexactly(int(length.group(1))) if length else b"")
    finally:
        writer.close()


def checked(raw: bytes, answer: bytes) -> int:
    """The status of an answer to a malformed request, after checking that it explains itself."""
    note = f"{raw[:600]!r} -> {answer[:600]!r}"
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), note
    status = int(head.split(b" ", 2)[1])
    assert status < 500, note
    assert b"Traceback" not in answer, note
    assert b'File "' not in answer, note
    assert b"x-request-id: " in head, note
    if status == 204:
        return status
    assert b"content-type: application/" in head, note
    said = json.loads(body)
    if "errors" in said:
        assert len(said["errors"][0]["message"]) > 10, note
        assert said["errors"][0]["extensions"]["code"] != "INTERNAL", note
    else:
        assert status == 200, note
        assert said["data"] is not None, note
    return status


async def in_groups(work: list[Any]) -> list[Any]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Any) -> Any:
        async with gate:
            return await item

    return await asyncio.gather(*(one(item) for item in work))


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.usefixtures("no_traceback")
async def test_http(edge: Server, person: Person, signed_in: bool, capfd: pytest.CaptureFixture[str]) -> None:
    authorization = f"\r\nAuthorization: {person.headers['Authorization']}\r\nHost:".encode()

    async def one(raw: bytes) -> int:
        if signed_in and b"uthorization" not in raw:
            raw = raw.replace(b"\r\nHost:", authorization, 1)
        return checked(raw, await exchange(edge, raw))

    requests = http_requests(HTTP_COUNT // 2, seed=2 + signed_in)
    statuses = Counter(await in_groups([one(item) for item in requests]))
    assert statuses[400] > 100
    assert set(statuses) >= {200, 400, 401, 405, 406, 413, 415}
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request(b"{}", length=b"50"), 408),
        (request(b"", length=b"5"), 408),
        (request(b'{"query":"{__typename}"}', length=b"5"), 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"hello\r\n\r\n", 400),
        (b"POST /gr\xffphql HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST /graphql HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n", 400),
        (b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n", 400),
        (b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: " + b"y" * 600_000 + b"\r\n\r\n", 431),
        (b"GET /graphql?query=" + b"y" * 600_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (request(b"zz\r\n", headers=((b"Transfer-Encoding", b"chunked"),)), 400),
        (b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("no_traceback")
async def test_broken_http(edge: Server, raw: bytes, status: int) -> None:
    assert checked(raw, await exchange(edge, raw)) == status


@pytest.mark.usefixtures("no_traceback")
async def test_sockets(edge: Server, person: Person, capfd: pytest.CaptureFixture[str]) -> None:
    init = json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {person.token()}"}})

    async def one(number: int, message: str | bytes) -> int:
        """The close code, or 0 when the socket still answers pings afterwards."""
        as_text = isinstance(message, str) or number % 2 == 0
        async with connect(edge.ws, subprotocols=[Subprotocol(PROTOCOL)], close_timeout=1, compression=None) as socket:
            try:
                if number % 3:
                    await socket.send(init)
                await socket.send(message, text=as_text)
                await socket.send('{"type":"ping","payload":{"last":true}}')
                async with asyncio.timeout(10):
                    while True:
                        said = await socket.recv(decode=True)
                        assert "Traceback" not in said
                        assert "INTERNAL" not in said, (message, said)
                        if json.loads(said) == {"type": "pong", "payload": {"last": True}}:
                            return 0
            except ConnectionClosed as error:
                return _checked_close(message, error)

    messages = socket_messages(SOCKET_COUNT, seed=4)
    codes = Counter(await in_groups([one(number, message) for number, message in enumerate(messages)]))
    assert set(codes) <= {0, 1007, 1009, 4400, 4401, 4403, 4408, 4409, 4429}, codes
    assert codes[4400] > 100
    assert "Traceback" not in "".join(capfd.readouterr())


def _checked_close(message: str | bytes, error: ConnectionClosed) -> int:
    assert error.rcvd is not None, message
    assert 0 < len(error.rcvd.reason.encode()) <= 123, message
    return error.rcvd.code


KEY = base64.b64encode(b"0" * 16)
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: "
    + KEY
    + b"\r\n\r\n"
)


@pytest.mark.parametrize(
    "frames",
    [
        b"\x83\x80\x00\x00\x00\x00",  # an opcode that does not exist
        b"\xf1\x80\x00\x00\x00\x00",  # reserved bits
        b"\x81\x02{}",  # not masked
        b"\x80\x80\x00\x00\x00\x00",  # a continuation of nothing
        b"\x89\xfe\x00\x80\x00\x00\x00\x00" + b"x" * 128,  # a ping that is too long
        b"\x88\x81\x00\x00\x00\x00\x01",  # a close without a whole code
        b"\x88\x82\x00\x00\x00\x00\x00\x01",  # a close with a code that does not exist
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",  # an absurd length
    ],
)
@pytest.mark.usefixtures("no_traceback")
async def test_broken_frames(edge: Server, frames: bytes) -> None:
    answer = await exchange(edge, UPGRADE, after=frames)
    head, _, sent = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert sent[0] == 0x88
    assert int.from_bytes(sent[2:4], "big") in (1002, 1009)


@pytest.mark.parametrize("part", [b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + KEY])
@pytest.mark.usefixtures("no_traceback")
async def test_broken_handshakes(edge: Server, part: bytes) -> None:
    answer = await exchange(edge, UPGRADE.replace(part, part[:-4] + b"?"))
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 426"))
    assert b"Traceback" not in answer


async def test_nothing_is_left(edge: Server) -> None:
    from runtime import metrics
    from tests.edge.room import counters

    await until(lambda: metrics.SOCKETS._value.get() == 0)
    await until(lambda: counters["open"] == 0)


@pytest.mark.usefixtures("no_traceback")
async def test_streams(edge: Server, person: Person, capfd: pytest.CaptureFixture[str]) -> None:
    """The same requests at /graphql/stream: a stream, or an answer that says what was wrong."""
    target = re.compile(rb"^([A-Z]+) /graphql(?=[ ?])")
    accept = f"\r\nAccept: text/event-stream\r\nAuthorization: {person.headers['Authorization']}\r\nHost:".encode()

    async def one(raw: bytes) -> int:
        raw = target.sub(rb"\1 /graphql/stream", raw)
        if b"ccept:" not in raw and b"uthorization" not in raw:
            raw = raw.replace(b"\r\nHost:", accept, 1)
        answer = await exchange(edge, raw)
        if b"\r\ncontent-type: text/event-stream" in answer:
            return 200
        return checked(raw, answer)

    statuses = Counter(await in_groups([one(item) for item in http_requests(HTTP_COUNT // 4, seed=5)]))
    assert set(statuses) >= {200, 400, 401, 405, 406, 415}
    await until(lambda: counters["open"] == 0)
    assert "Traceback" not in "".join(capfd.readouterr())
