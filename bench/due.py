"""./opsgraph bench due: the due list of a whole fleet, beside the same query written by hand.

One organization with 500 aircraft, 200 programme tasks each, ten components an aircraft with two tasks each, and 60
directives. A page is asked for over HTTP by somebody who signed in, under row-level security; the hand-written query
runs past the policies on a connection of its own. Statements are counted in the server's log of what it executed.
"""

import argparse
import asyncio
import json
import statistics
import sys
from contextlib import closing
from http.client import HTTPConnection
from time import perf_counter
from typing import Any

import asyncpg
import orjson

from bench.kit import machine
from bench.kit.asking import SetUpError, post
from bench.kit.platform import DATABASE, Place, platform
from bench.kit.programs import ProgramError
from bench.planning import data, floor

NODE = "code title kind state forecastOn remainingMinutes remainingCycles remainingDays aircraft { registration }"
PAGE = "pageInfo { hasNextPage endCursor }"
SHAPES = {
    "first page": f"{{ dueItems(first: 50) {{ nodes {{ {NODE} }} {PAGE} }} }}",
    "later page": f"query ($after: String!) {{ dueItems(first: 50, after: $after) {{ nodes {{ {NODE} }} {PAGE} }} }}",
    "overdue": f"{{ dueItems(first: 50, where: {{state: {{eq: OVERDUE}}}}) {{ nodes {{ {NODE} }} {PAGE} }} }}",
    "one aircraft": f"""query ($id: ID!) {{ dueItems(first: 50, where: {{aircraftId: {{eq: $id}}}})
        {{ nodes {{ {NODE} }} {PAGE} }} }}""",
    "counts by state": "{ dueItemAggregate(groupBy: [STATE]) { state count } }",
}


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when it was measured, 1 with a sentence when it could not be."""
    parser = argparse.ArgumentParser(prog="opsgraph bench due", description=__doc__)
    parser.add_argument("--aircraft", type=int, default=500, help="how many aircraft (500)")
    parser.add_argument("--tasks", type=int, default=200, help="programme tasks of each (200)")
    parser.add_argument("--directives", type=int, default=60, help="directives for all of them (60)")
    parser.add_argument("--requests", type=int, default=15, help="requests of each measurement (15)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    described = machine.describe()
    try:
        with platform() as place:
            made = {"benchmark": "due", "machine": described, **measure(place, given)}
    except (SetUpError, ProgramError) as error:
        print(f"opsgraph bench due: {error}", file=sys.stderr)
        return 1
    print(json.dumps(made) if given.json else text(made))
    return 0


def measure(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    place.load(1)
    place.grow(given.aircraft, flights=0)
    print("Making programmes, components, directives, and what was flown and done.", file=sys.stderr, flush=True)
    asyncio.run(data.load(place, tasks=given.tasks, directives=given.directives))
    place.servers.postgres.psql(f"ALTER DATABASE \"{DATABASE}\" SET log_statement = 'all'")
    running = place.serve(COST_IN_ANSWERS="false")
    figures: dict[str, float] = {}
    statements: dict[str, float] = {}
    with closing(HTTPConnection("127.0.0.1", running.port, timeout=90)) as connection:
        asker = Asker(connection, place, asyncio.run(one_aircraft(place)))
        for name, document in SHAPES.items():
            figures[name], statements[name] = asker.median(document, given.requests)
        items = asker.ask("{ dueItems(first: 1) { totalCount } }")["dueItems"]["totalCount"]
        first = asker.ask(SHAPES["first page"])["dueItems"]["nodes"]
    by_hand, rows = asyncio.run(floor.median(place, given.requests))
    theirs = [(row["code"], row["registration"]) for row in rows]
    if theirs != [(node["code"], node["aircraft"]["registration"]) for node in first]:
        raise SetUpError("The hand-written query has another first page.")
    return {
        "aircraft": given.aircraft,
        "items": items,
        "latency_ms": figures,
        "statements": statements,
        "by_hand_ms": by_hand,
        "ratio": figures["first page"] / by_hand,
    }


async def one_aircraft(place: Place) -> str:
    connection = await asyncpg.connect(place.admin_url)
    try:
        return f"ac_{await connection.fetchval('SELECT id FROM aircraft ORDER BY registration LIMIT 1')}"
    finally:
        await connection.close()


class Asker:
    """Asks one after the other, and counts what the server executes for it."""

    def __init__(self, connection: HTTPConnection, place: Place, aircraft: str) -> None:
        self.connection, self.place, self.aircraft = connection, place, aircraft
        self.after = ""

    def ask(self, document: str) -> dict[str, Any]:
        values = {"after": self.after, "id": self.aircraft}
        used = {name: value for name, value in values.items() if f"${name}" in document}
        body = orjson.dumps({"query": document, "variables": used})
        status, _, answer = post(self.connection, body, self.place.tenants[0].token)
        found: dict[str, Any] = orjson.loads(answer)
        if status != 200 or "errors" in found:
            raise SetUpError(f"{document} was answered by {status} {answer[:300]!r}")
        return dict(found["data"])

    def median(self, document: str, requests: int) -> tuple[float, float]:
        """Milliseconds of the middle request, after two to warm up; and how many statements each took."""
        for _ in range(2):
            found = self.ask(document)
        times, executed = [], self.executed()
        for _ in range(requests):
            started = perf_counter()
            found = self.ask(document)
            times.append((perf_counter() - started) * 1e3)
        self.after = found.get("dueItems", {}).get("pageInfo", {}).get("endCursor") or self.after
        return statistics.median(times), (self.executed() - executed) / requests

    def executed(self) -> int:
        """Statements over the due list that the server's log names."""
        log = self.place.servers.postgres.log.read_text(errors="replace")
        return sum('FROM "due_items"' in line for line in log.splitlines() if "LOG:  execute " in line)


def text(made: dict[str, Any]) -> str:
    host = made["machine"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {host['memory_gb']} GB, load before: {host['load_before']}",
        f"{made['aircraft']} aircraft, {made['items']:,} things due. One connection; medians in ms.",
        "",
        f"{'':<20}{'ms':>10}{'statements':>12}",
        *(f"{name:<20}{took:>10.1f}{made['statements'][name]:>12.2f}" for name, took in made["latency_ms"].items()),
        f"{'by hand':<20}{made['by_hand_ms']:>10.1f}",
        "",
        f"The first page takes {made['ratio']:.2f} times what the hand-written query takes.",
    ]
    return "\n".join(lines)
