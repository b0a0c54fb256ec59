"""Compression by Accept-Encoding: which answers, how, and that the loop goes on meanwhile."""

import asyncio
import gzip
import time

import httpx
import pytest

from graph.encoding import PART, accepts_gzip, send_gzipped
from tests.edge.conftest import Person
from tests.edge.streams import streaming


async def echo(client: httpx.AsyncClient, size: int, accept_encoding: str = "gzip") -> httpx.Response:
    query = 'mutation ($n: Int!) { echo(text: "0123456789", times: $n) { text } }'
    body = {"query": query, "variables": {"n": size // 10}}
    answer = await client.post("/graphql", json=body, headers={"accept-encoding": accept_encoding})
    assert answer.json()["data"]["echo"]["text"] == "0123456789" * (size // 10)
    return answer


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        (b"", False),
        (b"gzip", True),
        (b"gzip, deflate, br", True),
        (b"GZIP;q=0.5", True),
        (b"gzip;q=0", False),
        (b"br", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"identity, gzip;q=0.5", False),
        (b"identity;q=0.5, gzip;q=1.0", True),
        (b"gzip;q=high", False),
        (b"x-gzip", True),
    ],
)
def test_accept_encoding(header: bytes, taken: bool) -> None:
    assert accepts_gzip(header) is taken


@pytest.mark.parametrize("size", [2_000, 50_000, 200_000])
async def test_answers_are_compressed(client: httpx.AsyncClient, size: int) -> None:
    answer = await echo(client, size)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < size / 10
    assert answer.headers["vary"] == "accept, accept-encoding, authorization"


@pytest.mark.parametrize("size", [300_000, 3_000_000])
async def test_long_ones_in_parts(client: httpx.AsyncClient, size: int) -> None:
    answer = await echo(client, size)
    assert answer.headers["content-encoding"] == "gzip"
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    ("size", "accepted"), [(500, "gzip"), (50_000, "identity"), (50_000, "gzip;q=0"), (50_000, "zstd")]
)
async def test_others_are_not(client: httpx.AsyncClient, size: int, accepted: str) -> None:
    answer = await echo(client, size, accepted)
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) > size
    assert answer.headers["vary"] == "accept, accept-encoding, authorization"


async def test_event_streams_are_not(client: httpx.AsyncClient, person: Person) -> None:
    headers = person.headers | {"accept-encoding": "gzip"}
    query = "subscription { ticks(count: 2, size: 5000) { text } }"
    async with streaming(client, query, headers) as stream:
        events = await stream.rest()
    assert len(events) == 3
    assert "content-encoding" not in stream.response.headers


async def test_others_have_their_turn_between_parts() -> None:
    """Ten megabytes: whoever waits gets the loop after each part of them."""
    body = b"".join(b'{"number":%d,"square":%d},' % (n, n * n) for n in range(400_000))
    parts: list[bytes] = []
    pauses: list[float] = []

    async def send(message: dict[str, object]) -> None:
        part = message["body"]
        assert isinstance(part, bytes)
        parts.append(part)

    async def wait() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            pauses.append(time.perf_counter() - before)

    waiting = asyncio.create_task(wait())
    await send_gzipped(send, body)  # type: ignore[arg-type]
    waiting.cancel()
    assert gzip.decompress(b"".join(parts)) == body
    assert len(pauses) >= len(body) // PART
