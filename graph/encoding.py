"""Compression of answers, by the client's Accept-Encoding.

Answers may hold what the client sent beside what it may not know, which compression can betray (BREACH). That needs a
browser that attaches the victim's credentials to a stranger's request; our tokens travel in a header that no stranger
can make a browser send.

Brotli at quality 1 makes JSON a fifth smaller than gzip at level 1, in less than half the time (docs/adr/0007).
"""

import asyncio
import zlib
from functools import lru_cache
from typing import Protocol

import brotli

from graph.answers import Send

BROTLI, GZIP = b"br", b"gzip"
GZIP_WINDOW = 16 + 15  # zlib writes gzip when 16 is added to the window's bits
QUALITY = 1
STREAMED_ABOVE = 256 * 1024
PART = 64 * 1024


@lru_cache(maxsize=256)
def chosen(header: bytes) -> bytes | None:
    """The coding that this Accept-Encoding header likes best, brotli among equals; None for no compression, which
    also is what a client gets that says nothing."""
    weights: dict[bytes, float] = {}
    for part in header.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        weights[GZIP if name == b"x-gzip" else name] = _weight(parameters)
    others = weights.get(b"*", 0.0)
    best = max((BROTLI, GZIP), key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get(b"identity", 0.0) else None


def _weight(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def compressed(coding: bytes, body: bytes) -> bytes:
    """A body that is short enough to be compressed at once."""
    if coding == BROTLI:
        return bytes(brotli.compress(body, quality=QUALITY))
    return zlib.compress(body, QUALITY, GZIP_WINDOW)


def compressed_well(coding: bytes, body: bytes) -> bytes:
    """A body that is compressed once and sent often."""
    return bytes(brotli.compress(body, quality=9)) if coding == BROTLI else zlib.compress(body, 9, GZIP_WINDOW)


async def send_compressed(send: Send, coding: bytes, body: bytes) -> None:
    """Compress and send a long body in parts; other requests have their turn between them."""
    made: Compressor = BrotliParts() if coding == BROTLI else zlib.compressobj(QUALITY, zlib.DEFLATED, GZIP_WINDOW)
    for start in range(0, len(body), PART):
        part = made.compress(body[start : start + PART])
        if part:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": made.flush()})


class Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class BrotliParts:
    """Brotli with the names that zlib uses."""

    def __init__(self) -> None:
        self._made = brotli.Compressor(quality=QUALITY)

    def compress(self, data: bytes, /) -> bytes:
        return bytes(self._made.process(data))

    def flush(self) -> bytes:
        return bytes(self._made.finish())
