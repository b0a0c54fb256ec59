"""The load generator: closed-loop HTTP/1.1 keep-alive clients on raw sockets, in a process of its own.

The process takes one JSON order a line on standard input and answers each with one JSON line. An order names a file
of encoded requests; every connection walks them all, each from another start. Every answer's status is checked, and
the body of every `sample`-th answer is compared with the digest that was taken when the answer was verified.
"""

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import sys
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import orjson
import uvloop

from bench.kit.machine import cpu_seconds

ENOUGH, LONGEST = 50, 20.0  # a slow server is measured longer, until it has given so many answers
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Order:
    """One measurement. CPU time is that of the server's process, and of the database's with its children."""

    port: int
    requests: str
    connections: int
    seconds: float
    warm_up: float
    sample: int
    server_pid: int
    database_pid: int
    status: int = 200  # or 304, whose answers have no body


@dataclass(frozen=True)
class Figures:
    """What one measurement gave: latencies in milliseconds, CPU in microseconds a request."""

    rate: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float
    load_cpu: float
    answers: int
    seconds: float


def digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def write_requests(path: Path, requests: list[bytes], digests: list[str]) -> None:
    path.write_bytes(orjson.dumps({"requests": [b64encode(each).decode() for each in requests], "digests": digests}))


class WrongAnswerError(Exception):
    """A server answered with an error, or differently than when it was verified."""


class Run:
    """The state that the connections of one measurement share."""

    def __init__(self, requests: list[bytes], digests: list[str], sample: int, status: int = 200) -> None:
        self.requests = requests
        self.digests = digests
        self.sample = sample
        self.status = b"%d" % status
        self.bodiless = status == 304
        self.sent = 0
        self.latencies: list[float] = []
        self.measuring = False
        self.stopping = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fail(self, message: str) -> None:
        if not self.failed.done():
            self.failed.set_exception(WrongAnswerError(message))


class Client(asyncio.Protocol):
    """One connection that sends its next request as soon as it has the whole answer to the last."""

    def __init__(self, run: Run, start: int) -> None:
        self.run = run
        self.at = start
        self.missing = 0
        self.sampled = False
        self.head = b""
        self.body: list[bytes] = []
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.write = self.transport.write
        self.send()

    def send(self) -> None:
        run = self.run
        if run.stopping:
            self.transport.close()
            return
        self.at += 1
        if self.at >= len(run.requests):
            self.at = 0
        run.sent += 1
        self.sampled = run.sent % run.sample == 0
        self.started = perf_counter()
        self.write(run.requests[self.at])

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
            if self.sampled:
                self.body.append(data)
        elif not self.take_head(data):
            return
        if self.missing == 0:
            run = self.run
            if run.measuring:
                run.latencies.append(perf_counter() - self.started)
            if self.sampled:
                self.check()
            self.send()
        elif self.missing < 0:
            self.run.fail("an answer is longer than its Content-Length")

    def take_head(self, data: bytes) -> bool:
        """Read the head of an answer; False while it is not complete."""
        if self.head:
            data, self.head = self.head + data, b""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return False
        found = LENGTH.search(data, 0, end)
        if data[9:12] != self.run.status or (found is None) != self.run.bodiless:
            self.run.fail(f"the answer is {data[:600]!r}")
            return False
        self.missing = (int(found[1]) if found else 0) - (len(data) - end - 4)
        if self.sampled:
            self.body = [data[end + 4 :]]
        return True

    def check(self) -> None:
        body = b"".join(self.body)
        if digest(body) != self.run.digests[self.at]:
            self.run.fail(f"the answer to request {self.at} changed: {body[:300]!r}")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.run.stopping:
            self.run.fail(f"the server closed a connection ({exc})")


async def measure(order: Order, kept: dict[str, list[str]]) -> Figures:
    loop = asyncio.get_running_loop()
    run = Run([b64decode(each) for each in kept["requests"]], kept["digests"], order.sample, order.status)
    for number in range(order.connections):
        start = number * len(run.requests) // order.connections
        await loop.create_connection(partial(Client, run, start), "127.0.0.1", order.port)
    await _wait(run, order.warm_up)
    before, began = _cpu(order), perf_counter()
    run.measuring = True
    await _wait(run, order.seconds)
    while len(run.latencies) < ENOUGH and perf_counter() - began < LONGEST:
        await _wait(run, order.seconds)
    run.measuring = False
    seconds, after = perf_counter() - began, _cpu(order)
    run.stopping = True
    answers = len(run.latencies)
    if not answers:
        raise WrongAnswerError(f"no answer in {seconds:.0f} s")
    ordered = sorted(run.latencies)
    server, database, load = ((now - then) * 1e6 / answers for now, then in zip(after, before, strict=True))
    return Figures(
        rate=answers / seconds,
        p50=_percentile(ordered, 0.5) * 1e3,
        p99=_percentile(ordered, 0.99) * 1e3,
        server_cpu=server,
        database_cpu=database,
        load_cpu=load,
        answers=answers,
        seconds=seconds,
    )


async def _wait(run: Run, seconds: float) -> None:
    await asyncio.wait([run.failed], timeout=seconds)
    if run.failed.done():
        run.failed.result()


def _cpu(order: Order) -> tuple[float, float, float]:
    own = sum(_times())
    return cpu_seconds(order.server_pid), cpu_seconds(order.database_pid, children=True), own


def _times() -> tuple[float, float]:
    used = os.times()
    return used.user, used.system


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Generator:
    """The load generator's process, seen from the benchmark."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def measure(self, order: Order) -> Figures:
        """Raises WrongAnswerError when a server fails or answers wrongly."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(orjson.dumps(asdict(order)) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise WrongAnswerError("the load generator has ended")
        answer: dict[str, Any] = orjson.loads(line)
        if "failed" in answer:
            raise WrongAnswerError(answer["failed"])
        return Figures(**answer)


def serve() -> None:
    """Carry out orders until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the benchmark's to handle
    for line in sys.stdin.buffer:
        try:
            order = Order(**orjson.loads(line))
            kept = orjson.loads(Path(order.requests).read_bytes())
            answer: dict[str, Any] = asdict(uvloop.run(measure(order, kept)))
        except (WrongAnswerError, OSError) as error:
            answer = {"failed": str(error)}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
