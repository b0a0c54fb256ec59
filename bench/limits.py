"""./opsgraph bench limits: what refusing a hostile document costs, in milliseconds of CPU.

Each document goes the way that an unknown one goes in the server, to the answer's bytes; nothing is kept between runs.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from time import process_time
from typing import Any

from bench.kit import machine
from domain.errors import OperationError
from graph.limits import check_text
from graph.preparing import Preparer, RefusedError, refuse
from graph.schema import build_schema
from runtime.settings import Settings

BUDGET_MS = 50.0


def documents() -> dict[str, str]:
    """The hostile documents by name."""
    doubling = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(20))
    return {
        "20 doubling fragments": f"{{ ...F0 }} {doubling} fragment F20 on Query {{ __typename }}",
        "10,000 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }",
        "1,000-deep nesting": "{ a" * 1_000 + " }" * 1_000,
        "100,000 tokens": "{" + " __typename" * 99_998 + " }",
        "circular fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { __typename ...A }",
        "10,000 directives": "{ __typename" + " @skip(if: false)" * 10_000 + " }",
    }


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when every document was refused within the budget."""
    parser = argparse.ArgumentParser(prog="opsgraph bench limits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each document (7)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    preparer = Preparer(build_schema().world(Settings(_env_file=None)))
    _refusal(preparer, "{ nothing }")  # what is made at first use
    found = {name: measure(preparer, text, given.rounds) for name, text in documents().items()}
    passed = all(each["refused"] and each["median_ms"] < BUDGET_MS for each in found.values())
    if given.json:
        described = machine.describe()
        print(json.dumps({"benchmark": "limits", "machine": described, "budget_ms": BUDGET_MS, "documents": found}))
    else:
        print(f"{'document':<24}{'bytes':>10}{'median':>10}{'worst':>10}  code")
        for name, each in found.items():
            cells = f"{each['bytes']:>10}{each['median_ms']:>7.1f} ms{each['worst_ms']:>7.1f} ms"
            print(f"{name:<24}{cells}  {each['refused'] or 'NOT REFUSED'}")
        print(f"Each within {BUDGET_MS:.0f} ms of CPU: {'yes' if passed else 'NO'}.")
    return 0 if passed else 1


def measure(preparer: Preparer, text: str, rounds: int) -> dict[str, Any]:
    codes, times = [], []
    for _ in range(rounds):
        seconds, code = _timed(lambda: _refusal(preparer, text))
        codes.append(code)
        times.append(seconds * 1e3)
    return {
        "bytes": len(text.encode()),
        "median_ms": statistics.median(times),
        "worst_ms": max(times),
        "refused": codes[0],
    }


def _timed(work: Callable[[], str | None]) -> tuple[float, str | None]:
    started = process_time()
    result = work()
    return process_time() - started, result


def _refusal(preparer: Preparer, text: str) -> str | None:
    """The code that the document is refused with; None when it is accepted."""
    try:
        check_text(text)
        preparer.prepare(text, None)
    except OperationError as error:
        return str(refuse(error).errors[0]["extensions"]["code"])
    except RefusedError as error:
        return str(error.errors[0]["extensions"]["code"])
    return None
