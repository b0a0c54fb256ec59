"""./opsgraph bench hostile: what refusing a hostile document costs the server, in milliseconds of CPU.

Each is sent over HTTP to a real server by somebody who signed in; the CPU time is that of the server's process, by
the scheduler's account of its threads. Fails when one takes 50 ms or more, or is not refused with a code.
"""

import argparse
import json
import statistics
import sys
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import orjson

from bench.kit import machine
from bench.kit.asking import SetUpError, post
from bench.kit.platform import Place, platform
from bench.kit.programs import Program, ProgramError
from graph.limits import MAX_ALIASES, MAX_ARGUMENTS, MAX_CHARACTERS, MAX_DIRECTIVES, MAX_LINES, MAX_TEXTS, MAX_TOKENS

BUDGET_MS = 50.0
NOT_OURS = {None, "INTERNAL", "TIMEOUT"}  # codes of what was not seen to be hostile


def listed(inside: str, field: str = "aircraftList") -> str:
    return f"{{ {field} {{ nodes {{ {inside} }} }} }}"


def documents() -> dict[str, str]:
    """The hostile documents by name: hopelessly large ones, then ones that our limits just let in to be parsed."""
    doubling = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(199))
    used = " ".join(f"...F{n}" for n in range(99)) + " }"
    return {
        "20 doubling fragments": f"{{ ...F0 }} {doubling} fragment F20 on Query {{ __typename }}",
        "10,000 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }",
        "1,000-deep nesting": "{ a" * 1_000 + " }" * 1_000,
        "100,000 tokens": "{" + " a" * 99_998 + " }",
        "circular fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { __typename ...A }",
        "10,000 directives": "{ __typename" + " @skip(if: false)" * 10_000 + " }",
        "10,000 arguments": "{ aircraftList(" + " ".join(f"a{n}: 1" for n in range(10_000)) + ") { __typename } }",
        "10,000 variables": "query(" + " ".join(f"$a{n}: Int" for n in range(10_000)) + ") { __typename }",
        "1,000-deep list literal": "{ node(id: " + "[" * 1_000 + "]" * 1_000 + ") { id } }",
        "1,000-deep object literal": "{ node(id: " + "{a: " * 1_000 + "1" + "}" * 1_000 + ") { id } }",
        "block string of 900 KB": '{ node(id: """' + "x\n" * 450_000 + '""") { id } }',
        "900,000 blank lines": "{" + "\n" * 900_000 + "__typename }",
        "400,000 comments": "#\n" * 400_000 + "{ __typename }",
        "a name of 900 KB": "{ " + "a" * 900_000 + " }",
        "unterminated string of 900 KB": '{ node(id: "' + "x" * 900_000,
        "10,000 unknown names": "{ " + " ".join(f"aircraftLis{n}" for n in range(10_000)) + " }",
        "10,000 operations": " ".join(f"query Q{n} {{ a }}" for n in range(10_000)),
        "one key, 700 selections": listed(" ".join(f"type {{ a{n}: id }}" for n in range(700))),
        "one key, deep selections": listed(
            " ".join(f"type {{ aircraft {{ nodes {{ a{n}: id }} }} }}" for n in range(140))
        ),
        "199 fragments in a chain": f"{{ ...F0 }} {chain} fragment F199 on Query {{ nothing }}",
        "fragments that spread all": f"{{ {used} " + " ".join(f"fragment F{n} on Query {{ {used}" for n in range(7)),
        # Near the limits: these are parsed, and most of them validated.
        "near: unknown names": listed(" ".join(f"a{n}" for n in range(MAX_TOKENS - 20))),
        "near: one field over and over": listed("registration " * (MAX_TOKENS - 20)),
        "near: aliases, one name unknown": listed(
            " ".join(f"a{n}: registration" for n in range(MAX_ALIASES - 1)) + " nope"
        ),
        "near: unknown arguments": "{ aircraftList("
        + " ".join(f"a{n}: 1" for n in range(MAX_ARGUMENTS - 1))
        + ") { __typename } }",
        "near: one unknown key over and over": "{ aircraftList(where: {"
        + " x: 1" * (MAX_ARGUMENTS - 2)
        + "}) { __typename } }",
        "near: unused variables": "query("
        + " ".join(f"$a{n}: Int" for n in range(MAX_ARGUMENTS - 1))
        + ") { __typename }",
        "near: values of a wrong type": "{ aircraftList(where: {registration: {in: ["
        + "1 " * (MAX_TOKENS - 30)
        + "]}}) { __typename } }",
        "near: directives": "{ __typename" + " @skip(if: false)" * MAX_DIRECTIVES + " }",
        "near: characters of a name": "{ " + "a" * (MAX_CHARACTERS - 10) + " }",
        "near: blank lines": "{ " + "\n" * (MAX_LINES - 1) + " nothing }",
        "near: characters of a string": '{ node(id: "' + "\\n" * (MAX_TEXTS // 2 - 10) + '") { nothing } }',
        "near: brackets": "{ " + "... { " * 199 + "nothing" + " }" * 200,
    }


def variables() -> dict[str, tuple[str, Any]]:
    """Hostile variables, each with the document that takes them."""
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"not": deep}
    document = "query($where: AircraftFilter) { aircraftList(where: $where) { __typename } }"
    return {
        "variables: 500-deep object": (document, {"where": deep}),
        "variables: 10,000 unknown keys": (document, {"where": {f"a{n}": 1 for n in range(10_000)}}),
        "variables: 50,000 wrong values": (document, {"where": {"registration": {"in": [1] * 50_000}}}),
    }


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when every document was refused within the budget."""
    parser = argparse.ArgumentParser(prog="opsgraph bench hostile", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="times that each document is sent (7)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    described = machine.describe()
    try:
        with platform() as place:
            found = measure(place, given.rounds)
    except (SetUpError, ProgramError) as error:
        print(f"opsgraph bench hostile: {error}", file=sys.stderr)
        return 1
    failed = [name for name, each in found.items() if each["median_ms"] >= BUDGET_MS or not each["refused"]]
    if given.json:
        report = {"benchmark": "hostile", "machine": described, "budget_ms": BUDGET_MS}
        print(json.dumps({**report, "documents": found, "failed": failed}))
    else:
        print("\n".join([*lines(found), ""]))
        print(f"Each refused within {BUDGET_MS:.0f} ms of CPU: {'NO: ' + ', '.join(failed) if failed else 'yes'}.")
    return 1 if failed else 0


def measure(place: Place, rounds: int) -> dict[str, dict[str, Any]]:
    place.load(1)
    running = place.serve()
    bodies = {name: orjson.dumps({"query": text}) for name, text in documents().items()}
    for name, (text, given) in variables().items():
        bodies[name] = json.dumps({"query": text, "variables": given}).encode()  # orjson does not go so deep
    token = place.tenants[0].token
    with closing(HTTPConnection("127.0.0.1", running.port, timeout=60)) as connection:
        post(connection, orjson.dumps({"query": "{ nothing }"}), token)  # what is made at first use
        return {name: one(running, connection, body, token, rounds) for name, body in bodies.items()}


def one(running: Program, connection: HTTPConnection, body: bytes, token: str, rounds: int) -> dict[str, Any]:
    """What one document costs: the median and the worst."""
    times, refusals = [], []
    for _ in range(rounds):
        before = machine.cpu_nanoseconds(running.pid)
        status, _, answer = post(connection, body, token)
        times.append((machine.cpu_nanoseconds(running.pid) - before) / 1e6)
        refusals.append((status, refused(status, orjson.loads(answer))))
    status, code = refusals[0]
    return {
        "bytes": len(body),
        "median_ms": statistics.median(times),
        "worst_ms": max(times),
        "status": status,
        "refused": code if set(refusals) == {(status, code)} else None,
    }


def refused(status: int, answer: dict[str, Any]) -> str | None:
    """The code of a refusal that is one; None otherwise."""
    errors = answer.get("errors") or []
    codes = {error.get("extensions", {}).get("code") for error in errors}
    typed = 400 <= status < 500 and "data" not in answer and codes and not codes & NOT_OURS
    return str(errors[0]["extensions"]["code"]) if typed else None


def lines(found: dict[str, dict[str, Any]]) -> list[str]:
    made = [f"{'document':<38}{'bytes':>10}{'median':>12}{'worst':>12}{'status':>8}  code"]
    for name, each in found.items():
        cells = f"{each['bytes']:>10,}{each['median_ms']:>9.1f} ms{each['worst_ms']:>9.1f} ms{each['status']:>8}"
        made.append(f"{name:<38}{cells}  {each['refused'] or 'NOT REFUSED'}")
    return made
