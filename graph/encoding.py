"""Compression of answers, when the client's Accept-Encoding takes it.

Answers may hold what the client sent beside what it may not know, which compression can betray (BREACH). That needs a
browser that attaches the victim's credentials to a stranger's request; our tokens travel in a header that no stranger
can make a browser send.
"""

import asyncio
import zlib
from functools import lru_cache

from graph.answers import Send

GZIP = 16  # added to the window's bits: zlib then writes gzip
STREAMED_ABOVE = 256 * 1024
PART = 64 * 1024


@lru_cache(maxsize=256)
def accepts_gzip(header: bytes) -> bool:
    """Whether gzip is taken, and not less gladly than no compression. Without the header nothing is assumed."""
    weights: dict[bytes, float] = {}
    for part in header.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition(b"=")
            if key.strip() == b"q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        weights[b"gzip" if name == b"x-gzip" else name] = weight
    gzip = weights.get(b"gzip", weights.get(b"*", 0.0))
    return gzip > 0 and gzip >= weights.get(b"identity", 0.0)


def gzipped(body: bytes) -> bytes:
    """A short body, compressed at once. Level 1 takes half the time of level 6 and is a quarter larger."""
    return zlib.compress(body, 1, GZIP + 15)


async def send_gzipped(send: Send, body: bytes) -> None:
    """Compress and send a long body in parts; other requests have their turn between them."""
    made = zlib.compressobj(1, zlib.DEFLATED, GZIP + 15)
    view = memoryview(body)
    for start in range(0, len(body), PART):
        part = made.compress(view[start : start + PART])
        if part:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": made.flush()})
