"""./opsgraph bench read: GraphQL reads of this platform beside hand-written SQL and an idiomatic server.

One command starts PostgreSQL, makes the data set, starts every server, checks that all give the same answers, loads
them in turn from a process of its own, and stops everything. See bench/README.md.
"""

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.kit import machine
from bench.kit.asking import SetUpError
from bench.kit.load import Figures, Generator, Order, WrongAnswerError, digest, write_requests
from bench.kit.programs import ProgramError, generator, program
from bench.reading import data, report
from bench.reading.servers import DATABASE, OTHERS, POOL, Server, Tokens, check_pool, start_all
from bench.reading.shapes import SHAPES, Shape
from bench.reading.verify import Answers
from db.migrate import upgrade
from runtime import logging
from runtime.processes import free_port
from runtime.servers.throwaway import Throwaway, throwaway, with_database
from runtime.settings import Settings

SAMPLE = {"Q1": 100, "Q2": 50, "Q3": 50, "Q4": 20, "Nested": 50}  # one in so many bodies is compared


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="opsgraph bench read", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds over all servers (3)")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds of each measurement (3)")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before each measurement (0.5)")
    parser.add_argument("--connections", default="1,16", help="numbers of connections, separated by commas (1,16)")
    parser.add_argument("--shapes", default="", help="only these shapes, as in Q1,Q4")
    parser.add_argument("--servers", default="", help="only these servers beside ours, as in floor-sql,peer")
    parser.add_argument("--pool", type=int, default=POOL, help=f"database connections of each server ({POOL})")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    parser.add_argument("--peers", action="store_true", help="also Mercurius and PostGraphile (needs node and npm)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when it was measured, 1 with a sentence when it could not be."""
    given = options(argv)
    try:
        with throwaway() as servers, ExitStack() as stack:
            made = run(given, servers, stack)
    except (SetUpError, ProgramError, WrongAnswerError) as error:
        tell(f"opsgraph bench read: {error}")
        return 1
    print(json.dumps(made) if given.json else report.text(made))
    return 0


def run(given: argparse.Namespace, servers: Throwaway, stack: ExitStack) -> dict[str, Any]:
    described = machine.describe()
    chosen = named(given.servers, [name for name, *_ in OTHERS])
    wanted = named(given.shapes, [each.name for each in SHAPES])
    programs = len({app for name, _, app, _ in OTHERS if not chosen or name in chosen})
    check_pool(given.pool, 1 + programs + (2 if given.peers else 0))
    tenants, folder = prepare(servers)
    tell("Starting the servers.")
    load = stack.enter_context(generator())
    compared, tokens = start_all(stack, servers, tenants, folder, given.pool, chosen)
    if given.peers:
        from bench.reading.node import start_peers

        compared += start_peers(stack, servers, tenants, folder, given.pool)
    shapes = [each for each in SHAPES if not wanted or each.name in wanted]
    tell("Comparing everybody's answers with ours.")
    answers = Answers(tenants, folder)
    for shape in shapes:
        for server in compared:
            answers.verify(server, shape)
    ceiling = _ceiling(load, folder)
    assert servers.postgres.process
    runs = measure(given, load, servers.postgres.process.pid, compared, shapes, answers, tokens)
    figures = report.medians(runs)
    return {
        "benchmark": "read",
        "machine": described,
        "method": {"rounds": given.rounds, "seconds": given.seconds, "warm_up": given.warm_up, "pool": given.pool},
        "servers": [{"name": each.name, "title": each.title} for each in compared],
        "shapes": [{"name": each.name, "title": each.title} for each in shapes],
        "ceiling": ceiling,
        "figures": figures,
        "ratios": report.ratios(figures),
    }


def named(text: str, known: list[str]) -> set[str]:
    """The names that an option gives, separated by commas; a wrong one must not pass for a comparison without it."""
    found = set(filter(None, text.split(",")))
    if strange := found - set(known):
        raise SetUpError(f"There is no {', '.join(sorted(strange))}; there are: {', '.join(known)}.")
    return found


def prepare(servers: Throwaway) -> tuple[list[data.Tenant], Path]:
    """The organizations of the data set, and a folder for what is written."""
    folder = servers.folder / "bench"
    folder.mkdir()
    tell("Migrating, and making the data set: 20 organizations, 5,000 aircraft, 50,000 parents, 300,000 children.")
    logging.configure("WARNING")
    upgrade(Settings(_env_file=None, database_url=with_database(servers.postgres.url, DATABASE)))
    return asyncio.run(data.load(with_database(servers.postgres.admin_url, DATABASE))), folder


def measure(
    given: argparse.Namespace,
    load: Generator,
    database: int,
    compared: list[Server],
    shapes: list[Shape],
    answers: Answers,
    tokens: Tokens,
) -> report.Runs:
    """All rounds: within one, the servers take turns on each shape, so that a slow minute is everybody's."""
    connections = [int(each) for each in given.connections.split(",")]
    runs: report.Runs = {
        (shape.name, server.name, number): [] for shape in shapes for number in connections for server in compared
    }
    for number in range(given.rounds):
        tokens.renew()
        for shape in shapes:
            files = {server.name: str(answers.file(server, shape)) for server in compared}
            for count in connections:
                for server in compared:
                    order = Order(
                        port=server.program.port,
                        requests=files[server.name],
                        connections=count,
                        seconds=given.seconds,
                        warm_up=given.warm_up,
                        sample=SAMPLE[shape.name],
                        server_pid=server.program.pid,
                        database_pid=database,
                    )
                    runs[shape.name, server.name, count].append(_measured(load, order, server, shape))
            tell(f"Round {number + 1} of {given.rounds}: {shape.name} done.")
    return runs


def _measured(load: Generator, order: Order, server: Server, shape: Shape) -> Figures:
    try:
        return load.measure(order)
    except WrongAnswerError as error:
        raise WrongAnswerError(f"{server.name}, {shape.name}: {error}") from None


def _ceiling(load: Generator, folder: Path) -> float:
    """How many requests a second the load generator makes of a server that only sends constant bytes."""
    port, requests = free_port(), folder / "ceiling.json"
    request = b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 300\r\n\r\n" + b"x" * 300
    write_requests(requests, [request], [digest(b'{"data":{}}')])
    command = [sys.executable, "-P", "-m", "bench.kit.constant", str(port)]
    with program("constant", command, port, folder / "constant.log") as constant:
        return load.measure(Order(port, str(requests), 16, 1.0, 0.3, 100, constant.pid, constant.pid)).rate
