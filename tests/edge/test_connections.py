"""What happens on one connection, seen byte by byte."""

import asyncio

import orjson

from runtime.protocols import MOST_WAITING
from tests.conftest import Server

BODY = orjson.dumps({"query": "{ __typename }"})
ANSWER = b'{"data":{"__typename":"Query"}}'


def post(*headers: bytes, path: bytes = b"/graphql", body: bytes = BODY) -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"host: x", b"content-type: application/json", *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])


async def one(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await asyncio.wait_for(reader.readexactly(length), 10)


async def opened(edge: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = edge.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def test_an_answer_has_every_header_once(edge: Server) -> None:
    reader, writer = await opened(edge)
    writer.write(post())
    head, body = await one(reader)
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:-2]]
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert sorted(names) == sorted(set(names))
    expected = {b"content-type", b"content-length", b"date", b"vary", b"cache-control", b"x-request-id"}
    assert expected | {b"x-process-time", b"x-content-type-options"} == set(names)
    assert body.startswith(ANSWER[:-1])
    writer.close()


async def test_requests_in_a_row_are_answered_in_their_order(edge: Server) -> None:
    """Pipelined, cut at odd places, and unusual ones between ordinary ones."""
    reader, writer = await opened(edge)
    kinds = [
        post(b"x-request-id: one"),
        post(b"x-request-id: two", b"x-forwarded-for: 192.0.2.7"),
        post(b"x-request-id: three", path=b"/graphql?x=1"),
        post(b"x-request-id: four"),
    ]
    stream = b"".join(kinds * 3)
    for at in range(0, len(stream), 97):
        writer.write(stream[at : at + 97])
        await writer.drain()
    found = [(await one(reader))[0] for _ in kinds * 3]
    marks = [b"one", b"two", b"three", b"four"] * 3
    assert [mark in head for mark, head in zip(marks, found, strict=True)] == [True] * 12
    writer.close()


async def test_a_client_that_says_close_is_closed(edge: Server) -> None:
    reader, writer = await opened(edge)
    writer.write(post(b"connection: close"))
    head, _ = await one(reader)
    assert b"connection: close" in head.lower()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_client_that_wants_to_be_asked_first_is(edge: Server) -> None:
    reader, writer = await opened(edge)
    head, body = post(b"expect: 100-continue").split(b"\r\n\r\n", 1)
    writer.write(head + b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await one(reader))[1].startswith(ANSWER[:-1])
    writer.close()


async def test_http_1_0_gets_its_answer_and_the_end(edge: Server) -> None:
    reader, writer = await opened(edge)
    writer.write(post().replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await one(reader))[1].startswith(ANSWER[:-1])
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_socket_may_follow_on_a_used_connection(edge: Server) -> None:
    reader, writer = await opened(edge)
    writer.write(post())
    await one(reader)
    lines = [b"GET /graphql HTTP/1.1", b"host: x", b"upgrade: websocket", b"connection: upgrade"]
    lines += [b"sec-websocket-version: 13", b"sec-websocket-key: MDAwMDAwMDAwMDAwMDAwMA=="]
    lines += [b"sec-websocket-protocol: graphql-transport-ws"]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 101 ")
    writer.close()


def chunked(*trailers: bytes) -> bytes:
    lines = [b"POST /graphql HTTP/1.1", b"host: x", b"content-type: application/json", b"transfer-encoding: chunked"]
    return b"\r\n".join([*lines, b"", b"%x" % len(BODY), BODY, b"0", *trailers, b"", b""])


async def test_trailers_are_no_headers(edge: Server) -> None:
    """Whoever stands before us and looks at headers has not seen them."""
    reader, writer = await opened(edge)
    writer.write(chunked(b"authorization: Bearer nonsense", b"x-request-id: trailer"))
    head, body = await one(reader)
    assert b"trailer" not in head
    assert body.startswith(ANSWER[:-1])
    writer.close()


async def test_trailers_have_an_end(edge: Server) -> None:
    reader, writer = await opened(edge)
    writer.write(chunked()[:-2])
    for _ in range(20):
        writer.write(b"a: b\r\n" * 1_000)
        await asyncio.sleep(0.01)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)).startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_what_is_wrong_after_a_request_does_not_take_its_answer(edge: Server, no_traceback: None) -> None:
    reader, writer = await opened(edge)
    writer.write(post() * 2 + b"\x00nonsense\r\n\r\n")
    for _ in range(2):
        head, body = await one(reader)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body.startswith(ANSWER[:-1])
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_broken_body_is_not_waited_for(edge: Server, no_traceback: None) -> None:
    reader, writer = await opened(edge)
    writer.write(chunked().replace(b"\r\n0\r\n", b"\r\nzz\r\n"))
    head, _ = await one(reader)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_not_everything_may_wait_on_one_connection(edge: Server) -> None:
    """What waits takes memory, and its parsing the others' time."""
    reader, writer = await opened(edge)
    writer.write(post() * 500)
    found = (await asyncio.wait_for(reader.read(), 10)).count(b"HTTP/1.1 200 OK")
    assert MOST_WAITING <= found <= MOST_WAITING + 2
    writer.close()
