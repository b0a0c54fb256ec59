"""The mixed load, in a process of its own: closed-loop connections, sockets that come and go, people who sign in.

The process takes one JSON order a line on standard input and answers it with one JSON line for each interval, the last
of which says so. Reads, writes and refusals have the shares of `MIX`; of every answer it is checked that it is one.
"""

import asyncio
import random
import signal
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import orjson
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from bench.kit.asking import access_token, credentials

FIELDS = "id registration serialNumber status manufacturedOn baseAirport totalCycles createdAt"
OPERATIONS = {
    "point": f"query Point($id: ID!) {{ aircraft(id: $id) {{ {FIELDS} }} }}",
    "list": f"query List {{ aircraftList(first: 50) {{ nodes {{ {FIELDS} }} pageInfo {{ endCursor }} }} }}",
    "filtered": f"""query Filtered($id: ID!) {{ aircraftList(first: 20, orderBy: [{{totalCycles: DESC}}],
        where: {{id: {{ne: $id}}, status: {{in: [ACTIVE, STORED]}}}}) {{ nodes {{ {FIELDS} }} }} }}""",
    "nested": f"""query Nested {{ aircraftList(first: 20) {{ nodes {{ {FIELDS} type {{ model }}
        utilisation(first: 5) {{ nodes {{ flownOn minutes reporter {{ name }} }} }} }} }} }}""",
    "counted": "query Counted { aircraftAggregate(groupBy: [STATUS]) { status count sum { totalMinutes } } }",
    "write": """mutation Write($id: ID!, $status: AircraftStatus!) { setAircraftStatus(id: $id, status: $status) {
        aircraft { registration status version } errors { code message } } }""",
}
MIX = {"point": 44, "list": 20, "filtered": 14, "nested": 12, "counted": 4, "write": 5, "refused": 1}
STATUSES = ("ACTIVE", "MAINTENANCE", "STORED")
REFUSED = (
    "{ nothing }",
    "{ aircraftList(first: 1000) { nodes { id } } }",
    "{ " + "a { " * 300,
    "{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { __typename ...A }",
)
FOLLOW = "subscription Follow { events { cursor event { type } } }"
SIGN_IN_SECONDS, SOCKET_SECONDS = 3.0, 5.0
ACCEPT = "application/graphql-response+json"


@dataclass(frozen=True)
class Order:
    """One run of the load. `people` are [organization's slug, e-mail address] in the order in which they sign in,
    `tokens` by slug; `aircraft` are ids by slug."""

    port: int
    connections: int
    sockets: int
    seconds: float
    interval: float
    tokens: dict[str, str]
    people: list[tuple[str, str]]
    aircraft: dict[str, list[str]]


@dataclass
class Interval:
    """What happened in one interval; latencies in seconds until it is told."""

    latencies: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Run:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.tokens = dict(order.tokens)
        self.slugs = list(order.tokens)
        self.now = Interval()
        self.random = random.Random(11)
        self.signed_in = 0
        self.ends = perf_counter() + order.seconds

    def over(self) -> bool:
        return perf_counter() >= self.ends - 0.02  # timers may be a moment early

    def failed(self, what: str, said: object) -> None:
        self.now.errors[f"{what}: {str(said)[:200]}"] += 1

    def request(self, body: bytes, token: str = "") -> bytes:
        lines = [
            "POST /graphql HTTP/1.1",
            f"host: 127.0.0.1:{self.order.port}",
            "content-type: application/json",
            f"accept: {ACCEPT}",
            *([f"authorization: Bearer {token}"] if token else []),
            f"content-length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def next(self) -> tuple[str, bytes]:
        """The kind of the next operation, and its request."""
        kind = self.random.choices(list(MIX), list(MIX.values()))[0]
        slug = self.random.choice(self.slugs)
        if kind == "refused":
            body = orjson.dumps({"query": self.random.choice(REFUSED)})
        else:
            document = OPERATIONS[kind]
            values = {"id": self.random.choice(self.order.aircraft[slug]), "status": self.random.choice(STATUSES)}
            used = {name: value for name, value in values.items() if f"${name}" in document}
            body = orjson.dumps({"query": document, "variables": used})
        return kind, self.request(body, self.tokens[slug])


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    return int(head[9:12]), await reader.readexactly(length)


async def ask(run: Run) -> None:
    """One connection that asks as soon as it has its answer; when it is lost that is an error, and it comes back."""
    while not run.over():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", run.order.port, limit=2**20)
        except OSError as error:
            run.failed("connect", error)
            await asyncio.sleep(0.2)
            continue
        try:
            while not run.over():
                kind, request = run.next()
                started = perf_counter()
                writer.write(request)
                status, body = await answer(reader)
                run.now.latencies.append(perf_counter() - started)
                run.now.counts[kind] += 1
                wrong = b'"errors":[{' in body
                if (not 400 <= status < 500) if kind == "refused" else (status != 200 or wrong):
                    run.failed(kind, f"{status} {body!r}")
        except (OSError, asyncio.IncompleteReadError) as error:
            run.failed("connection", repr(error))
        finally:
            writer.close()


async def follow(run: Run, number: int) -> None:
    """A socket that subscribes, takes events for some seconds, and goes; then another one."""
    url = f"ws://127.0.0.1:{run.order.port}/graphql"
    while not run.over():
        slug = run.slugs[number % len(run.slugs)]
        stay = min(SOCKET_SECONDS, run.order.seconds / 3) * run.random.uniform(0.2, 1.8)
        try:
            async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], close_timeout=5) as socket:
                payload = {"authorization": f"Bearer {run.tokens[slug]}"}
                await socket.send(orjson.dumps({"type": "connection_init", "payload": payload}).decode())
                await socket.recv()
                message = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}}
                await socket.send(orjson.dumps(message).decode())
                await _take(run, socket, stay)
                if run.random.random() < 0.5:  # half say good-bye, half just go
                    await socket.send('{"id": "1", "type": "complete"}')
                run.now.counts["sockets"] += 1
        except (OSError, TimeoutError, WebSocketException) as error:
            run.failed("socket", repr(error))
            await asyncio.sleep(0.2)


async def _take(run: Run, socket: Any, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = orjson.loads(await socket.recv())
                run.now.counts["messages"] += message["type"] == "next"
                if message["type"] in ("error", "complete"):
                    run.failed("subscription", message)
                    return
    except TimeoutError:
        return


async def sign_in(run: Run) -> None:
    """People sign in, one after the other; whoever did last acts for the organization."""
    while not run.over():
        slug, email = run.order.people[run.signed_in % len(run.order.people)]
        run.signed_in += 1
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", run.order.port)
            writer.write(run.request(credentials(email, slug)))
            status, body = await answer(reader)
            writer.close()
            if token := access_token(body):
                run.tokens[slug] = token
                run.now.counts["sign-ins"] += 1
            else:
                run.failed("sign-in", f"{status} {body!r}")
        except (OSError, asyncio.IncompleteReadError) as error:
            run.failed("sign-in", repr(error))
        await asyncio.sleep(SIGN_IN_SECONDS)


def told(interval: Interval, seconds: float, *, last: bool) -> dict[str, Any]:
    ordered = sorted(interval.latencies) or [0.0]
    return {
        "seconds": seconds,
        "rate": len(interval.latencies) / seconds,
        "p50": ordered[len(ordered) // 2] * 1e3,
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3,
        "counts": dict(interval.counts),
        "errors": dict(interval.errors),
        "last": last,
    }


def ended(run: Run, task: "asyncio.Task[None]") -> None:
    """Whoever ends by what nobody foresaw asks no more, which must not pass for a load that was answered."""
    if not task.cancelled() and (error := task.exception()):
        run.failed("load", repr(error))


async def soak(order: Order) -> None:
    run = Run(order)
    tasks = [asyncio.create_task(ask(run)) for _ in range(order.connections)]
    tasks += [asyncio.create_task(follow(run, number)) for number in range(order.sockets)]
    if order.people:
        tasks.append(asyncio.create_task(sign_in(run)))
    for task in tasks:
        task.add_done_callback(partial(ended, run))
    began = perf_counter()
    while not run.over():
        await asyncio.sleep(min(order.interval, max(0.05, run.ends - perf_counter())))
        interval, run.now, now = run.now, Interval(), perf_counter()
        say(told(interval, now - began, last=run.over()))
        began = now
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def say(record: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(record) + b"\n")
    sys.stdout.buffer.flush()


def encode(order: Order) -> bytes:
    return orjson.dumps(asdict(order)) + b"\n"


def serve() -> None:
    """Carry out orders until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the benchmark's to handle
    for line in sys.stdin.buffer:
        uvloop.run(soak(Order(**orjson.loads(line))))


if __name__ == "__main__":
    serve()
