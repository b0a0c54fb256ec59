"""./opsgraph bench conditional: what an unchanged dashboard costs as a 304, beside the whole answer.

The nested shape of `bench read`, asked for by GET through a client that keeps answers, and through one that does not.
"""

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlencode

import orjson

from bench.kit import machine
from bench.kit.asking import SetUpError
from bench.kit.load import Figures, Order, WrongAnswerError, digest, write_requests
from bench.kit.programs import ProgramError, generator
from bench.read import prepare, tell
from bench.reading.data import Tenant
from bench.reading.servers import POOL, Tokens, start_ours
from bench.reading.shapes import SHAPES, Variables, requests
from runtime.servers.throwaway import Throwaway, throwaway

NESTED = next(shape for shape in SHAPES if shape.name == "Nested")


@dataclass(frozen=True)
class Asked:
    """One request, the tag of its answer and the digest of its bytes."""

    plain: bytes
    known: bytes
    digest: str


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when it was measured, 1 with a sentence when it could not be."""
    parser = argparse.ArgumentParser(prog="opsgraph bench conditional", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds of each measurement (3)")
    parser.add_argument("--connections", type=int, default=16, help="number of connections (16)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    try:
        with throwaway() as servers, ExitStack() as stack:
            made = run(given, servers, stack)
    except (SetUpError, ProgramError, WrongAnswerError) as error:
        tell(f"opsgraph bench conditional: {error}")
        return 1
    print(json.dumps(made) if given.json else text(made))
    return 0


def run(given: argparse.Namespace, servers: Throwaway, stack: ExitStack) -> dict[str, Any]:
    described = machine.describe()
    tenants, folder = prepare(servers)
    load = stack.enter_context(generator())
    ours = start_ours(stack, servers, folder, POOL)
    tokens = Tokens(ours.port, tenants)
    tokens.renew()
    asked = [_ask(ours.port, tenant, variables, tokens) for tenant, variables in requests(NESTED, tenants)]
    files = {200: folder / "whole.json", 304: folder / "unchanged.json"}
    write_requests(files[200], [each.plain for each in asked], [each.digest for each in asked])
    write_requests(files[304], [each.known for each in asked], [digest(b"")] * len(asked))
    assert servers.postgres.process
    assert servers.valkey.process
    runs: dict[str, list[Figures]] = {"200": [], "304": [], "valkey": []}
    for number in range(given.rounds):
        for name, status, beside in [
            ("200", 200, servers.postgres.process.pid),
            ("304", 304, servers.postgres.process.pid),
            ("valkey", 304, servers.valkey.process.pid),
        ]:
            order = Order(
                port=ours.port,
                requests=str(files[status]),
                connections=given.connections,
                seconds=given.seconds,
                warm_up=0.5,
                sample=50,
                server_pid=ours.pid,
                database_pid=beside,
                status=status,
            )
            runs[name].append(load.measure(order))
        tell(f"Round {number + 1} of {given.rounds} done.")
    return {"benchmark": "conditional", "machine": described, **_figures(runs)}


def _ask(port: int, tenant: Tenant, variables: Variables, tokens: Tokens) -> Asked:
    """Asks until the answer has the tag of a version: events of the set-up may still wait for their numbers."""
    parameters = {"query": NESTED.query, "operationName": "Nested", "variables": orjson.dumps(variables).decode()}
    url = f"/graphql?{urlencode(parameters)}"
    headers = {"host": f"127.0.0.1:{port}", "accept": "application/json", **tokens.headers(tenant)}
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(100):
            connection.request("GET", url, headers=headers)
            answer = connection.getresponse()
            body, tag = answer.read(), answer.getheader("etag", "")
            if answer.status == 200 and tag.startswith('W/"v'):
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                head = f"GET {url} HTTP/1.1\r\n{lines}"
                return Asked(f"{head}\r\n".encode(), f"{head}if-none-match: {tag}\r\n\r\n".encode(), digest(body))
    finally:
        connection.close()
    raise SetUpError(f"The nested shape gets no version's tag: {answer.status} {tag} {body[:300]!r}")


def _figures(runs: dict[str, list[Figures]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("200", "304"):
        each = [asdict(figures) for figures in runs[name]]
        found[name] = {key: median(one[key] for one in each) for key in ("rate", "p50", "p99", "server_cpu")}
        found[name]["database_cpu"] = median(one["database_cpu"] for one in each)
        found[name]["rates"] = [one["rate"] for one in each]
    found["304"]["valkey_cpu"] = median(figures.database_cpu for figures in runs["valkey"])
    whole, unchanged = found["200"], found["304"]
    return {
        "figures": found,
        "rate_ratio": unchanged["rate"] / whole["rate"],
        "cpu_ratio": (whole["server_cpu"] + whole["database_cpu"])
        / (unchanged["server_cpu"] + unchanged["database_cpu"] + unchanged["valkey_cpu"]),
    }


def text(made: dict[str, Any]) -> str:
    lines = [f"{'':<6}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'server µs':>11}{'database µs':>13}{'Valkey µs':>11}"]
    for name, each in made["figures"].items():
        lines.append(
            f"{name:<6}{each['rate']:>10,.0f}{each['p50']:>9.2f}{each['p99']:>9.2f}{each['server_cpu']:>11,.0f}"
            f"{each['database_cpu']:>13,.0f}{each.get('valkey_cpu', 0):>11,.0f}"
        )
    lines.append(f"A 304 is {made['rate_ratio']:.1f} times as fast and takes {made['cpu_ratio']:.1f} times less CPU.")
    return "\n".join(lines)
