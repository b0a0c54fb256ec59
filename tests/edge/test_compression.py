"""Compression by Accept-Encoding: which answers, how, and that the loop goes on meanwhile."""

import asyncio
import gzip
import time
from collections.abc import Callable
from typing import Any

import brotli
import httpx
import pytest

from graph.encoding import BROTLI, GZIP, PART, chosen, send_compressed
from tests.edge.conftest import Person
from tests.edge.streams import streaming


async def echo(client: httpx.AsyncClient, size: int, accept_encoding: str = "gzip") -> httpx.Response:
    query = 'mutation ($n: Int!) { echo(text: "0123456789", times: $n) { text } }'
    body = {"query": query, "variables": {"n": size // 10}}
    answer = await client.post("/graphql", json=body, headers={"accept-encoding": accept_encoding})
    assert answer.json()["data"]["echo"]["text"] == "0123456789" * (size // 10)
    return answer


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (b"", None),
        (b"gzip", GZIP),
        (b"br", BROTLI),
        (b"gzip, deflate, br, zstd", BROTLI),
        (b"gzip;q=1.0, br;q=0.8", GZIP),
        (b"GZIP;q=0.5", GZIP),
        (b"gzip;q=0", None),
        (b"br;q=0, gzip", GZIP),
        (b"zstd, deflate", None),
        (b"*", BROTLI),
        (b"br;q=0, *", GZIP),
        (b"*;q=0", None),
        (b"gzip;q=0, br;q=0, *", None),
        (b"identity, gzip;q=0.5", None),
        (b"identity;q=0.5, gzip;q=1.0", GZIP),
        (b"gzip;q=high", None),
        (b"x-gzip", GZIP),
    ],
)
def test_accept_encoding(header: bytes, coding: bytes | None) -> None:
    assert chosen(header) == coding


@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize("size", [2_000, 50_000, 200_000])
async def test_answers_are_compressed(client: httpx.AsyncClient, size: int, coding: str) -> None:
    answer = await echo(client, size, coding)
    assert answer.headers["content-encoding"] == coding
    assert int(answer.headers["content-length"]) < size / 10
    assert answer.headers["vary"] == "accept, accept-encoding, authorization"


@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize("size", [300_000, 3_000_000])
async def test_long_ones_in_parts(client: httpx.AsyncClient, size: int, coding: str) -> None:
    answer = await echo(client, size, coding)
    assert answer.headers["content-encoding"] == coding
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


@pytest.mark.parametrize(("coding", "undo"), [(GZIP, gzip.decompress), (BROTLI, brotli.decompress)])
async def test_others_have_their_turn_between_parts(coding: bytes, undo: Callable[[bytes], bytes]) -> None:
    """Ten megabytes: whoever waits gets the loop after each part of them."""
    body = b"".join(b'{"number":%d,"square":%d},' % (n, n * n) for n in range(400_000))
    parts: list[bytes] = []
    pauses: list[float] = []

    async def send(message: Any) -> None:
        part = message["body"]
        assert isinstance(part, bytes)
        parts.append(part)

    async def wait() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            pauses.append(time.perf_counter() - before)

    waiting = asyncio.create_task(wait())
    await send_compressed(send, coding, body)
    waiting.cancel()
    assert undo(b"".join(parts)) == body
    assert len(pauses) >= len(body) // PART
