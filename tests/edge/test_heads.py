"""Heads that are known again: the short way must say what the long one says, and never reads what it should not."""

import asyncio

import orjson
import pytest

from runtime.heads import HEADS_KEPT, Heads
from tests.conftest import Server
from tests.edge.test_connections import ANSWER, BODY, one, opened, post

OTHER = orjson.dumps({"query": "{ __typename  }"})


def scope(*headers: tuple[bytes, bytes], method: str = "POST") -> dict[str, object]:
    plain = {"type": "http", "asgi": {}, "http_version": "1.1", "path": "/x", "raw_path": b"/x", "query_string": b""}
    return {**plain, "method": method, "root_path": "", "headers": list(headers), "client": ("192.0.2.1", 1)}


LENGTH = (b"content-length", b"4")


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        pytest.param(b"POST /x HTTP/1.1\r\nhost: a\r\n\r\n", [(b"host", b"a")], id="no length"),
        pytest.param(b"POST /x HTTP/1.1\r\ncontent-length: 4\r\n\r\n", [LENGTH, (b"host", b"a")], id="fewer lines"),
        pytest.param(b"POST /x HTTP/1.1\r\ncontent-length: 4\r\n  \r\n\r\n", [LENGTH], id="a folded line"),
        pytest.param(b"POST /x HTTP/1.1\ncontent-length: 4\r\n\r\n", [LENGTH], id="a line that ends otherwise"),
        pytest.param(b"\r\n\r\n", [LENGTH], id="an empty line before it"),
        pytest.param(b"GET /x HTTP/1.1\r\ncontent-length: 4\r\n\r\n", [LENGTH], id="another request's"),
        pytest.param(
            b"POST /x HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\n", [LENGTH, LENGTH], id="a header twice"
        ),
        pytest.param(
            b"POST /x HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
            [LENGTH, (b"transfer-encoding", b"chunked")],
            id="chunks",
        ),
        pytest.param(
            b"POST /x HTTP/1.1\r\ncontent-length: +4\r\n\r\n", [(b"content-length", b"+4")], id="an odd length"
        ),
        pytest.param(
            b"POST /x HTTP/1.1\r\ncontent-length: 4\r\na: %b\r\n\r\n" % (b"b" * 5_000),
            [LENGTH, (b"a", b"b" * 5_000)],
            id="a long one",
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_kept(raw: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    heads = Heads()
    assert heads.remember(raw, scope(*headers)) is None
    assert heads.get(raw) is None


def test_a_head_keeps_nothing_of_its_connection() -> None:
    heads = Heads()
    raw = b"POST /x HTTP/1.1\r\ncontent-length: 4\r\n\r\n"
    kept = heads.remember(raw, scope(LENGTH))
    assert kept is not None
    assert heads.get(raw) is kept
    assert kept.length == 4
    assert "client" not in kept.scope


def test_there_are_never_more_than_a_few() -> None:
    heads = Heads()
    for number in range(3 * HEADS_KEPT):
        made = heads.remember(b"POST /%d HTTP/1.1\r\ncontent-length: 4\r\n\r\n" % number, scope(LENGTH))
        assert made is not None
        assert len(heads) <= HEADS_KEPT


@pytest.mark.parametrize("size", [1, 7, 64, 120, 150, 151, 1_000, 100_000])
async def test_however_the_bytes_arrive_the_answers_are_the_same(edge: Server, size: int) -> None:
    """Requests with heads that become known, cut into pieces of one size: whole, in parts, several at once."""
    kinds = [post(), post(body=OTHER), post(b"x-request-id: one"), post(), post(b"x-request-id: one", path=b"/nothing")]
    stream = b"".join(kinds * 4)
    reader, writer = await opened(edge)
    for at in range(0, len(stream), size):
        writer.write(stream[at : at + size])
        await writer.drain()
        await asyncio.sleep(0)
    found = [await one(reader) for _ in kinds * 4]
    for index, (head, body) in enumerate(found):
        lost = index % len(kinds) == len(kinds) - 1
        assert head.startswith(b"HTTP/1.1 404 " if lost else b"HTTP/1.1 200 ")
        assert (b"NOT_FOUND" in body) if lost else body.startswith(ANSWER[:-1])
        assert (b"x-request-id: one\r\n" in head) == (index % len(kinds) in (2, 4))
    writer.close()


async def test_one_request_after_the_other_on_many_connections(edge: Server) -> None:
    for _ in range(3):
        reader, writer = await opened(edge)
        for body in (BODY, OTHER, BODY):
            writer.write(post(body=body))
            head, answer = await one(reader)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert answer.startswith(ANSWER[:-1])
        writer.close()


async def test_a_known_head_with_a_broken_body_is_refused_and_the_next_is_not(edge: Server) -> None:
    reader, writer = await opened(edge)
    broken = b"{" * len(BODY)
    for body, status in [(BODY, b"200"), (broken, b"400"), (BODY, b"200"), (broken, b"400")]:
        writer.write(post(body=body))
        assert (await one(reader))[0].startswith(b"HTTP/1.1 %b " % status)
    writer.close()


async def test_a_refused_head_stays_refused(edge: Server) -> None:
    reader, writer = await opened(edge)
    for _ in range(3):
        writer.write(post(b"accept: text/csv"))
        assert (await one(reader))[0].startswith(b"HTTP/1.1 406 ")
        writer.write(post(b"authorization: Bearer nonsense"))
        assert (await one(reader))[0].startswith(b"HTTP/1.1 401 ")
    writer.close()
