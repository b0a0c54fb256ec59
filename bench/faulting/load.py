"""Who writes and who follows, in a process of their own: they know nothing of the kills, and never give up.

The process takes an order and later the heads of the log, one JSON line each, on standard input. It tells its progress
in JSON lines: when everything was written, and at last what every follower saw.
"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import orjson
import uvloop

from bench.faulting.following import Follower
from bench.faulting.writing import Writer

TELL_SECONDS = 0.1
LEAST_PAUSE, LONGEST_PAUSE = 0.01, 0.5


@dataclass(frozen=True)
class Member:
    """An organization, its owner who writes and follows, what they write about, and a cursor before its first event."""

    slug: str
    email: str
    aircraft: list[str]
    cursor: str


@dataclass(frozen=True)
class Order:
    port: int
    mutations: int
    writers: int
    followers: int
    lead: int
    """How many events the writers may be ahead of what the followers have on average."""
    members: list[Member]


@dataclass
class Organization:
    """What is known of one organization's log: the id of each event in order, as whoever saw it first was told."""

    member: Member
    token: str = ""
    signed_in: float = -1e9
    signing_in: asyncio.Lock = field(default_factory=asyncio.Lock)
    events: list[str] = field(default_factory=list)


class Run:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.organizations = [Organization(member) for member in order.members]
        self.next = 0
        self.acknowledged = 0
        self.received = 0
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.followers = [
            Follower(self, number, self.organizations[number % len(self.organizations)])
            for number in range(order.followers)
        ]

    def numbers(self) -> Iterator[int]:
        """The mutations that nobody has begun yet."""
        while self.next < self.order.mutations:
            self.next += 1
            yield self.next

    def violated(self, text: str) -> None:
        """Something that may never happen; the first hundred are told."""
        self.counts["violations"] += 1
        if len(self.wrong) < 100:
            self.wrong.append(text)

    async def pace(self) -> None:
        """Wait while the writers are too far ahead: a follower that never reads its backlog proves nothing."""
        each = len(self.followers) / len(self.organizations)
        pause = LEAST_PAUSE
        while self.acknowledged * each - self.received > self.order.lead * len(self.followers) > 0:
            self.counts["pauses"] += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def followed_to(self, heads: dict[str, int]) -> bool:
        return all(follower.last >= heads[follower.organization.member.slug] for follower in self.followers)

    def told(self) -> dict[str, Any]:
        return {
            "at": perf_counter(),
            "acknowledged": self.acknowledged,
            "received": self.received,
            "connected": sum(follower.connected for follower in self.followers),
            "counts": dict(self.counts),
            "wrong": self.wrong,
        }


async def work(order: Order, heads: asyncio.StreamReader) -> None:
    run = Run(order)
    telling = asyncio.create_task(_tell(run))
    following = [asyncio.create_task(follower.run()) for follower in run.followers]
    began = perf_counter()
    await asyncio.gather(*(Writer(run).run() for _ in range(order.writers)))
    say({**run.told(), "written": perf_counter() - began})
    reached = orjson.loads(await heads.readline())
    telling.cancel()
    while not run.followed_to(reached):
        say(run.told())
        await asyncio.sleep(TELL_SECONDS)
    for task in following:
        task.cancel()
    await asyncio.gather(telling, *following, return_exceptions=True)
    events = {each.member.slug: each.events for each in run.organizations}
    say({**run.told(), "events": events, "seconds": perf_counter() - began})


async def _tell(run: Run) -> None:
    while True:
        say(run.told())
        await asyncio.sleep(TELL_SECONDS)


def say(record: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(record) + b"\n")
    sys.stdout.buffer.flush()


def encode(order: Order) -> bytes:
    return orjson.dumps(asdict(order)) + b"\n"


async def serve() -> None:
    """Carry out one order."""
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    given = orjson.loads(await reader.readline())
    members = [Member(**each) for each in given.pop("members")]
    await work(Order(**given, members=members), reader)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the benchmark's to handle
    uvloop.run(serve())
