"""./opsgraph bench soak: whether the platform stays as it is under a mixed load for a long time.

Finds the knee of the load curve first (the fewest connections that reach nine tenths of the highest throughput), then
holds that load on `serve` and a worker: reads, 5 % writes, 1 % refused operations, sockets that subscribe and go,
people who sign in. Fails when memory or connections grow, latency climbs, or anything is answered wrongly.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import redis

from bench.kit import machine
from bench.kit.asking import SetUpError
from bench.kit.platform import Place, platform
from bench.kit.programs import STOP, Program, ProgramError, environment, piped
from bench.soaking import report
from bench.soaking.load import Order, encode
from runtime import processes
from runtime.paths import PROJECT

ORGANIZATIONS, PEOPLE, SOCKETS = 4, 40, 8
CURVE = (1, 2, 4, 8, 16, 32, 64)
NEAR = 0.9
SOME = "SELECT id FROM aircraft WHERE org_id = $1 ORDER BY registration LIMIT 300"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="opsgraph bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the load is held (30)")
    parser.add_argument("--connections", type=int, default=0, help="hold this many instead of the knee's")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each step of the load curve (8)")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between samples (10)")
    parser.add_argument("--aircraft", type=int, default=4_000, help="rows of the main table (4000)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    if given.minutes * 60 < given.interval:
        parser.error("--minutes must be long enough for one --interval")
    return given


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when everything stayed as it was, 1 with what did not."""
    given = options(argv)
    described = machine.describe()
    try:
        with platform() as place:
            made = {"benchmark": "soak", "machine": described, **measure(place, given)}
    except (SetUpError, ProgramError) as error:
        print(f"opsgraph bench soak: {error}", file=sys.stderr)
        return 1
    print(json.dumps(made) if given.json else report.text(made))
    return 0 if all(each["ok"] for each in made["verdict"].values()) else 1


def measure(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    place.load(ORGANIZATIONS, people=PEOPLE)
    place.grow(given.aircraft, flights=3)
    running = place.serve(COST_IN_ANSWERS="false")
    aircraft = asyncio.run(some(place))
    with worker(place, running.port) as worker_pid, piped("bench.soaking.load") as load:
        curve = [] if given.connections else list(find_curve(place, running, load, aircraft, given.seconds))
        knee = given.connections or knee_of(curve)
        tell(f"Holding {knee} connections for {given.minutes:g} minutes.")
        place.renew(running.port)
        order = order_of(place, running, aircraft, knee, given.minutes * 60, given.interval, sockets=SOCKETS)
        samples, counts, errors = hold(place, running, worker_pid, load, order)
    return {
        "curve": curve,
        "knee": knee,
        "minutes": given.minutes,
        "samples": samples,
        "counts": dict(counts),
        "verdict": report.verdict(samples, dict(errors)),
    }


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def some(place: Place) -> dict[str, list[str]]:
    connection = await asyncpg.connect(place.admin_url)
    try:
        return {
            tenant.slug: [f"ac_{row['id']}" for row in await connection.fetch(SOME, tenant.id)]
            for tenant in place.tenants
        }
    finally:
        await connection.close()


@contextmanager
def worker(place: Place, port: int) -> Iterator[int]:
    """`opsgraph worker`."""
    command = [sys.executable, "-P", "-m", "runtime.cli", "worker"]
    env = environment(**place.environment(port))
    process = processes.start(command, log=place.folder / "worker.log", cwd=PROJECT, env=env)
    try:
        yield process.pid
    finally:
        processes.stop(process, *STOP)


def order_of(
    place: Place,
    running: Program,
    aircraft: dict[str, list[str]],
    connections: int,
    seconds: float,
    interval: float,
    *,
    sockets: int = 0,
) -> Order:
    """While sockets come and go, people sign in too: everybody but those whose tokens the load begins with."""
    signing_in = range(1, PEOPLE) if sockets else ()
    return Order(
        port=running.port,
        connections=connections,
        sockets=sockets,
        seconds=seconds,
        interval=interval,
        tokens={tenant.slug: tenant.token for tenant in place.tenants},
        people=[(tenant.slug, tenant.email(person)) for person in signing_in for tenant in place.tenants],
        aircraft=aircraft,
    )


def intervals(load: "subprocess.Popen[bytes]", order: Order) -> Iterator[dict[str, Any]]:
    assert load.stdin
    assert load.stdout
    load.stdin.write(encode(order))
    load.stdin.flush()
    while line := load.stdout.readline():
        told: dict[str, Any] = orjson.loads(line)
        yield told
        if told["last"]:
            return
    raise SetUpError("The load generator has ended.")


def find_curve(
    place: Place, running: Program, load: "subprocess.Popen[bytes]", aircraft: dict[str, list[str]], seconds: float
) -> Iterator[dict[str, Any]]:
    """Throughput and latency by the number of connections, what comes first of each left aside."""
    aside = min(1.0, seconds)
    for connections in CURVE:
        for _ in intervals(load, order_of(place, running, aircraft, connections, aside, aside)):
            pass
        (told,) = intervals(load, order_of(place, running, aircraft, connections, seconds, seconds + 1))
        if told["errors"]:
            raise SetUpError(f"{connections} connections: {told['errors']}")
        yield {"connections": connections, **{name: told[name] for name in ("rate", "p50", "p99")}}
        tell(f"{connections} connections: {told['rate']:,.0f} a second, p99 {told['p99']:.1f} ms.")


def knee_of(curve: list[dict[str, Any]]) -> int:
    """The fewest connections that reach nine tenths of the most that was reached."""
    most = max(each["rate"] for each in curve)
    return next(int(each["connections"]) for each in curve if each["rate"] >= NEAR * most)


def hold(
    place: Place, running: Program, worker_pid: int, load: "subprocess.Popen[bytes]", order: Order
) -> tuple[list[dict[str, Any]], Counter[str], Counter[str]]:
    samples: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    at = 0.0
    for told in intervals(load, order):
        at += told["seconds"]
        counts.update(told["counts"])
        errors.update(told["errors"])
        seen = asyncio.run(look(place, running, worker_pid))
        if told["seconds"] >= order.interval / 2:  # a last moment is no interval
            samples.append({"at": at, **{name: told[name] for name in ("rate", "p50", "p99")}, **seen})
    return samples, counts, errors


async def look(place: Place, running: Program, worker_pid: int) -> dict[str, float]:
    """Memory in MB, open files, and connections, as the systems themselves tell them."""
    connection = await asyncpg.connect(place.admin_url)
    try:
        database = await connection.fetchval(CONNECTIONS)
    finally:
        await connection.close()
    with redis.Redis.from_url(place.servers.valkey.url) as client:
        clients = int(client.info("clients")["connected_clients"]) - 1
    told = metrics(running.port)
    return {
        "rss": rss(running.pid),
        "worker_rss": rss(worker_pid),
        "files": files(running.pid),
        "sockets": told.get("opsgraph_websockets", 0.0),
        "subscriptions": told.get("opsgraph_subscriptions", 0.0),
        "database": database,
        "redis": clients,
    }


def rss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024


def files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def metrics(port: int) -> dict[str, float]:
    """The server's metrics that have no labels."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    pairs = [line.split() for line in lines if not line.startswith("#") and "{" not in line]
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}
