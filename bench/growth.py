"""./opsgraph bench growth: how reads grow with the rows they return, and with the rows that are there.

Lists are asked for over HTTP by people of several organizations, under row-level security, while their table grows
from 10,000 to 1,000,000 rows; each shape is fitted as latency ~ rows^slope. A list that reads its page by an index has
a slope of nearly 0. `totalCount` and aggregates look at every row of the organization, so they grow by nature.
"""

import argparse
import asyncio
import json
import math
import random
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
from bench.kit.platform import Place, Tenant, platform
from bench.kit.programs import ProgramError
from bench.reading import cursors

ORGANIZATIONS, FLIGHTS, PLACES = 4, 3, 40
PAGES = (10, 30, 100, 300, 1_000)
FIELDS = "id registration serialNumber status manufacturedOn baseAirport totalCycles createdAt"
# Name -> operation. `$after` is a place in the middle of the list, another one each time.
ASKED = {
    "one": "query One($id: ID!) { aircraft(id: $id) { FIELDS } }",
    "list": "{ aircraftList(first: 20) { nodes { FIELDS } pageInfo { hasNextPage endCursor } } }",
    "filtered": "{ aircraftList(first: 20, where: {status: {eq: STORED}}) { nodes { FIELDS } } }",
    "ordered": "{ aircraftList(first: 20, orderBy: [{totalCycles: DESC}]) { nodes { FIELDS } } }",
    "deep page": "query Deep($after: String!) { aircraftList(first: 20, after: $after) { nodes { FIELDS } "
    "pageInfo { hasNextPage endCursor } } }",
    "nested": "query Nested($after: String!) { aircraftList(first: 20, after: $after) { nodes { FIELDS type { model } "
    "utilisation(first: 5) { nodes { flownOn minutes reporter { name } } } } } }",
}
SHAPES = {name: document.replace("FIELDS", FIELDS) for name, document in ASKED.items()}
COUNTING = {
    "totalCount": "{ aircraftList(first: 1) { nodes { id } totalCount } }",
    "aggregate": "{ aircraftAggregate(groupBy: [STATUS]) { status count sum { totalMinutes } } }",
}
SOME = "SELECT registration, id FROM aircraft WHERE org_id = $1 ORDER BY random() LIMIT $2"


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when it was measured, 1 with a sentence when it could not be."""
    parser = argparse.ArgumentParser(prog="opsgraph bench growth", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="rows of the table (10000,100000,1000000)")
    parser.add_argument("--requests", type=int, default=200, help="requests of each measurement (200)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    described = machine.describe()
    sizes = [int(each) for each in given.sizes.split(",")]
    try:
        with platform() as place:
            made = {"benchmark": "growth", "machine": described, **measure(place, sizes, given.requests)}
    except (SetUpError, ProgramError) as error:
        print(f"opsgraph bench growth: {error}", file=sys.stderr)
        return 1
    print(json.dumps(made) if given.json else text(made))
    return 0


def measure(place: Place, sizes: list[int], requests: int) -> dict[str, Any]:
    place.load(ORGANIZATIONS)
    settings = {"MAX_PAGE_SIZE": "1000", "STATEMENT_TIMEOUT_MS": "60000", "COST_IN_ANSWERS": "false"}
    running = place.serve(**settings)
    by_size: dict[str, dict[int, float]] = {name: {} for name in (*SHAPES, *COUNTING)}
    by_page: dict[int, float] = {}
    for size in sizes:
        print(f"Growing to {size:,} aircraft and {size * FLIGHTS:,} flights.", file=sys.stderr, flush=True)
        place.grow(size, flights=FLIGHTS)
        place.renew(running.port)
        with closing(HTTPConnection("127.0.0.1", running.port, timeout=90)) as connection:
            asker = Asker(connection, asyncio.run(some(place)), requests)
            for name, document in (SHAPES | COUNTING).items():
                # What counts every row takes seconds of a large table.
                by_size[name][size] = asker.median(document, requests if name in SHAPES else max(5, requests // 10))
            if size == sizes[0]:
                full = [page for page in PAGES if page <= size // ORGANIZATIONS]
                by_page = {page: asker.median(f"{{ aircraftList(first: {page}) {{ nodes {{ {FIELDS} }} }} }}")
                           for page in full}  # fmt: skip
    return {
        "sizes": sizes,
        "organizations": ORGANIZATIONS,
        "requests": requests,
        "latency_ms_by_size": by_size,
        "slopes": {name: slope(figures) for name, figures in by_size.items()},
        "latency_ms_by_page": by_page,
        "us_a_row": extra(by_page),
    }


async def some(place: Place) -> list[tuple[Tenant, list[tuple[str, str]]]]:
    """Rows of each organization to ask for, and to start pages at."""
    connection = await asyncpg.connect(place.admin_url)
    try:
        return [
            (tenant, [(row["registration"], str(row["id"])) for row in await connection.fetch(SOME, tenant.id, PLACES)])
            for tenant in place.tenants
        ]
    finally:
        await connection.close()


class Asker:
    """Asks one after the other, the organizations in turn, another row each time."""

    def __init__(
        self, connection: HTTPConnection, rows: list[tuple[Tenant, list[tuple[str, str]]]], requests: int
    ) -> None:
        self.connection, self.rows, self.requests = connection, rows, requests
        self.random = random.Random(5)

    def median(self, document: str, requests: int = 0) -> float:
        """Milliseconds of the middle request, after some to warm up. Raises SetUpError on a wrong answer."""
        requests = requests or self.requests
        times = []
        for number in range(requests + 10):
            tenant, rows = self.rows[number % len(self.rows)]
            registration, identifier = self.random.choice(rows)
            after = cursors.encode(cursors.BY_REGISTRATION, (registration, identifier))
            values = {"id": f"ac_{identifier}", "after": after}
            used = {name: value for name, value in values.items() if f"${name}" in document}
            body = orjson.dumps({"query": document, "variables": used})
            started = perf_counter()
            status, _, answer = post(self.connection, body, tenant.token)
            times.append((perf_counter() - started) * 1e3)
            if status != 200 or b'"errors"' in answer[-200:]:
                raise SetUpError(f"{document} was answered by {status} {answer[:300]!r}")
        return statistics.median(times[10:])


def slope(figures: dict[int, float]) -> float | None:
    """The exponent b of latency = a * size^b, by least squares over the logarithms."""
    if len(figures) < 2:
        return None
    points = [(math.log(size), math.log(latency)) for size, latency in figures.items()]
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def extra(figures: dict[int, float]) -> float | None:
    """Microseconds that a further row of a page costs."""
    if len(figures) < 2:
        return None
    return statistics.linear_regression(list(figures), list(figures.values())).slope * 1e3


def text(made: dict[str, Any]) -> str:
    """The report as tables."""
    host, sizes = made["machine"], made["sizes"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {host['memory_gb']} GB, load before: {host['load_before']}",
        f"One connection, {made['requests']} requests of {made['organizations']} organizations in turn; medians in ms.",
        "",
        f"{'rows in the table':<20}" + "".join(f"{size:>12,}" for size in sizes) + f"{'slope':>10}",
    ]
    for name, figures in made["latency_ms_by_size"].items():
        fitted = made["slopes"][name]
        cells = "".join(f"{figures[size]:>12.2f}" for size in sizes)
        note = "  grows by nature" if name in COUNTING else ""
        lines.append(f"{name:<20}{cells}{'' if fitted is None else f'{fitted:>10.3f}'}{note}")
    pages = made["latency_ms_by_page"]
    lines += ["", f"{'rows of the page':<20}" + "".join(f"{page:>12,}" for page in pages)]
    lines += [f"{'list':<20}" + "".join(f"{latency:>12.2f}" for latency in pages.values())]
    if made["us_a_row"] is not None:
        lines += ["", f"A further row costs {made['us_a_row']:.1f} µs."]
    return "\n".join(lines)
