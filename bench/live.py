"""./opsgraph bench live: how many subscribers one process serves, and what a delivery costs beside a bare broadcast.

Commands change aircraft at a steady rate; a crowd in a process of its own subscribes to them and checks that every
message comes once and in order. In turn with it, an application of nothing but Starlette sends the same bytes to as
many sockets. Then more is written until the 99th percentile from commit to arrival is above a second (the knee), and
at last everybody drops the connection and comes back at once with a cursor.
"""

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from http.client import HTTPConnection
from statistics import median
from time import perf_counter, sleep
from typing import Any

from bench.kit import machine
from bench.kit.asking import SetUpError, sign_in
from bench.kit.platform import Place, platform
from bench.kit.programs import Program, ProgramError, program
from bench.living.crowd import Caller, CrowdError, crowd, raise_limit
from bench.living.writer import Writer, writer
from runtime.paths import PROJECT
from runtime.processes import free_port, tail

BOARD = """subscription Board%s($after: String) { aircraftChanged(after: $after) { cursor type id event { sequence }
  aircraft { id registration status baseAirport totalHours totalCycles version updatedAt type { manufacturer model } }
} }"""
A_PERSON = 900  # subscriptions; the plan LARGE allows 1,000
KNEE_RATES = (4, 6, 8, 12, 16, 24, 32, 48, 64)
TOO_LATE_MS = 1_000.0
PATIENCE = 60.0
DISTINCT = 20
# So many events are missed: some are rendered once when the first comes back; beyond what is kept the log is read.
MISSED = {"memory": 50, "log": 300}


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="opsgraph bench live", description=__doc__)
    parser.add_argument("--loads", default="1000@10,5000@2", help="subscribers@events a second (1000@10,5000@2)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds of each load (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of each measurement (5)")
    parser.add_argument("--returning", type=int, default=1_000, help="clients that come back at once (1000)")
    parser.add_argument("--no-knee", action="store_true", help="do not look for the knee")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when nothing was lost or doubled, 1 with what was."""
    given = options(argv)
    described = machine.describe()
    raise_limit()
    try:
        with platform() as place, crowd() as caller:
            bench = Bench(place, caller, given)
            try:
                made = asyncio.run(bench.run())
            except CrowdError:
                tell(tail(place.folder / "serve.log", 20))  # warnings and errors only
                raise
    except (SetUpError, ProgramError, CrowdError) as error:
        tell(f"opsgraph bench live: {error}")
        return 1
    print(json.dumps({"benchmark": "live", "machine": described, **made}) if given.json else text(made))
    return 0 if made["correct"] else 1


class Bench:
    """To be made in the main thread, outside a loop: it starts the servers."""

    def __init__(self, place: Place, caller: Caller, given: argparse.Namespace) -> None:
        self.place = place
        self.caller = caller
        self.given = given
        self.loads = [(int(count), float(rate)) for count, _, rate in (load.partition("@") for load in self._loads())]
        self.wrong: list[str] = []
        people = 1 + max(given.returning, *(count for count, _ in self.loads)) // A_PERSON
        place.load(1, people=people)
        place.grow(40, flights=0)
        self.ours = place.serve()
        self.bare = self._bare(place.stack)
        tenant = place.tenants[0]
        self.tokens = [sign_in(self.ours.port, tenant.email(number), tenant.slug) for number in range(people)]

    async def run(self) -> dict[str, Any]:
        ours, bare = self.ours, self.bare
        async with writer(self.place) as write:
            figures = [await self._load(write, ours, bare, *load) for load in self.loads]
            knee = None if self.given.no_knee else await self._knee(write, ours, *self.loads[-1])
            self.caller.order("leave", "ours", for_good=True)
            distinct = await self._distinct(write, ours)
            back = await self._return(write, ours)
        return {
            "loads": figures,
            "knee": knee,
            "distinct": distinct,
            "return": back,
            "wrong": self.wrong,
            "correct": not self.wrong,
        }

    def _loads(self) -> list[str]:
        found: list[str] = self.given.loads.split(",")
        return found

    def _bare(self, stack: ExitStack) -> Program:
        port = free_port()
        command = [sys.executable, "-P", "-m", "bench.kit.serve", "bench.living.bare:app", str(port)]
        return stack.enter_context(program("bare", command, port, self.place.folder / "bare.log", cwd=PROJECT))

    async def _gather(self, write: Writer, group: str, server: Program, count: int, documents: list[str]) -> float:
        """So many subscribers in all; how long it took."""
        tokens = self.tokens if documents else []
        seconds = self.caller.order(
            "gather",
            group,
            port=server.port,
            tokens=tokens,
            documents=documents,
            count=count,
            after=await write.cursor(),
        )["seconds"]
        await asyncio.sleep(0.5)
        return float(seconds)

    # -- one load ---------------------------------------------------------------------------------------------

    async def _load(self, write: Writer, ours: Program, bare: Program, count: int, rate: float) -> dict[str, Any]:
        seconds = {
            "ours": await self._gather(write, "ours", ours, count, [BOARD % ""]),
            "bare": await self._gather(write, "bare", bare, count, []),
        }
        rounds: dict[str, list[dict[str, Any]]] = {"ours": [], "bare": []}
        for number in range(self.given.rounds):
            measured = await self._written(write, ours, "ours", count, rate)
            rounds["ours"].append(measured)
            rounds["bare"].append(self._broadcast(bare, count, rate, measured["text"]))
            tell(f"{count} subscribers at {rate:g}/s: round {number + 1} of {self.given.rounds} done.")
        self.caller.order("leave", "bare", for_good=True)
        if (count, rate) != self.loads[-1]:
            self.caller.order("leave", "ours", for_good=True)
        per_cpu = {name: median(each["per_cpu_second"] for each in made) for name, made in rounds.items()}
        return {
            "subscribers": count,
            "rate": rate,
            "connect_seconds": seconds,
            "rounds": rounds,
            "p50_ms": median(each["p50_ms"] for each in rounds["ours"]),
            "p99_ms": median(each["p99_ms"] for each in rounds["ours"]),
            "bare_p99_ms": median(each["p99_ms"] for each in rounds["bare"]),
            "per_cpu_second": per_cpu,
            "ratio": per_cpu["ours"] / per_cpu["bare"],
            "message_bytes": len(rounds["ours"][-1]["text"].encode()),
        }

    async def _written(
        self, write: Writer, server: Program, group: str, count: int, rate: float, patience: float = PATIENCE
    ) -> dict[str, Any]:
        """Commands at a rate for a while: what came, and what the server did for it."""
        events = max(3, round(rate * self.given.seconds))
        head = await write.head()
        self.caller.order("begin", group)
        renders, cpu, started = rendered(server), machine.cpu_nanoseconds(server.pid), perf_counter()
        commits = await write.write(rate, events)
        writing = perf_counter() - started
        numbered = {str(head + 1 + number): at for number, at in enumerate(commits)}
        found = self.caller.order("wait", group, count=events * count, commits=numbered, seconds=patience)
        seconds, cpu = perf_counter() - started, machine.cpu_nanoseconds(server.pid) - cpu
        self._check(found, events * count, f"{count} subscribers at {rate:g}/s")
        made = _measured(found, events, cpu, seconds)
        return made | {"renders": rendered(server) - renders, "achieved_rate": events / writing}

    def _broadcast(self, server: Program, count: int, rate: float, message: str) -> dict[str, Any]:
        """The same bytes to as many sockets, by Starlette."""
        head, _, rest = message.partition('"sequence":')
        digits = len(rest) - len(rest.lstrip("0123456789"))
        events = max(3, round(rate * self.given.seconds))
        first = 10 ** (digits - 1) if digits > 1 else 1
        bodies = [f'{head}"sequence":{first + number:0{digits}d}{rest[digits:]}'.encode() for number in range(events)]
        self.caller.order("forget", "bare")
        cpu, started, sent = machine.cpu_nanoseconds(server.pid), perf_counter(), {}
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        for number, body in enumerate(bodies):
            sleep(max(0.0, started + number / rate - perf_counter()))
            sent[str(first + number)] = perf_counter()
            connection.request("POST", "/send", body)
            connection.getresponse().read()
        connection.close()
        found = self.caller.order("wait", "bare", count=events * count, commits=sent, seconds=PATIENCE)
        seconds, cpu = perf_counter() - started, machine.cpu_nanoseconds(server.pid) - cpu
        self._check(found, events * count, f"bare broadcast to {count}")
        return _measured(found, events, cpu, seconds)

    def _check(self, found: dict[str, Any], expected: int, what: str) -> None:
        if found["received"] != expected or found["lost"] or found["doubled"] or found["broken"]:
            told = {name: found[name] for name in ("received", "lost", "doubled", "broken")}
            self.wrong.append(f"{what}: expected {expected}, {told}")

    # -- more -------------------------------------------------------------------------------------------------

    async def _knee(self, write: Writer, ours: Program, count: int, began: float) -> dict[str, Any]:
        """Ever more events a second until they come too late."""
        steps = []
        for rate in [rate for rate in KNEE_RATES if rate > began]:
            made = await self._written(write, ours, "ours", count, rate)
            made.pop("text")
            steps.append({"rate": rate, **made})
            tell(f"{count} subscribers at {rate}/s: p99 {made['p99_ms']:.0f} ms.")
            if made["p99_ms"] > TOO_LATE_MS:
                break
        fine = [each for each in steps if each["p99_ms"] <= TOO_LATE_MS]
        return {"subscribers": count, "steps": steps, "rate": fine[-1]["rate"] if fine else None,
                "deliveries_per_second": fine[-1]["rate"] * count if fine else None,
                "found": len(fine) < len(steps)}  # fmt: skip

    async def _distinct(self, write: Writer, ours: Program) -> dict[str, Any]:
        """Several subscriptions that differ: each is rendered once an event."""
        count = DISTINCT * 5
        await self._gather(write, "distinct", ours, count, [BOARD % number for number in range(DISTINCT)])
        made = await self._written(write, ours, "distinct", count, 10)
        self.caller.order("leave", "distinct", for_good=True)
        expected = DISTINCT * made["events"]
        if made["renders"] != expected:
            self.wrong.append(f"{DISTINCT} distinct subscriptions: {made['renders']} renders instead of {expected}")
        return {"subscribers": count, "distinct": DISTINCT, "events": made["events"], "renders": made["renders"]}

    async def _return(self, write: Writer, ours: Program) -> dict[str, Any]:
        """Everybody drops the connection, something happens, and everybody comes back at once."""
        count = self.given.returning
        await self._gather(write, "back", ours, count, [BOARD % ""])
        await self._written(write, ours, "back", count, 10)
        found = {}
        for place, missed in MISSED.items():
            self.caller.order("leave", "back", for_good=False)
            await write.write(1_000, missed)
            last, renders, cpu = await write.head(), rendered(ours), machine.cpu_nanoseconds(ours.pid)
            back = self.caller.order("come_back", "back", count=missed * count, seconds=PATIENCE, last=last)
            self._check(back, missed * count, f"{count} that came back after {missed} events")
            found[place] = {
                "clients": count,
                "missed": missed,
                "connected_seconds": back["connected_seconds"],
                "seconds": back["seconds"],
                "cpu_ms_each": (machine.cpu_nanoseconds(ours.pid) - cpu) / 1e6 / count,
                "renders": rendered(ours) - renders,
                "behind": back["behind"],
            }
        return found


def _measured(found: dict[str, Any], events: int, cpu: int, seconds: float) -> dict[str, Any]:
    return found | {
        "events": events,
        "cpu_us_each": cpu / 1e3 / max(1, found["received"]),
        "per_cpu_second": found["received"] / (cpu / 1e9),
        "cores": cpu / 1e9 / seconds,
    }


def rendered(server: Program) -> int:
    """How many messages the server has made."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    return int(float(next(line for line in lines if line.startswith("opsgraph_live_renders_total")).split()[1]))


def text(made: dict[str, Any]) -> str:
    lines = [f"{'subscribers':>11}{'events/s':>9}{'p50 ms':>8}{'p99 ms':>8}{'µs each':>9}{'bare µs':>9}{'ratio':>7}"]
    for load in made["loads"]:
        each = {name: 1e6 / figure for name, figure in load["per_cpu_second"].items()}
        lines.append(
            f"{load['subscribers']:>11,}{load['rate']:>9g}{load['p50_ms']:>8.1f}{load['p99_ms']:>8.1f}"
            f"{each['ours']:>9.1f}{each['bare']:>9.1f}{load['ratio']:>7.2f}"
        )
    if knee := made["knee"]:
        beyond = knee["steps"][-1] if knee["found"] else None
        lines.append(
            f"Knee: {knee['subscribers']:,} subscribers take {knee['rate']} events/s within a second"
            + (f"; at {beyond['rate']}/s p99 is {beyond['p99_ms']:,.0f} ms." if beyond else ", and more.")
        )
    each = made["distinct"]
    lines.append(f"{each['distinct']} distinct subscriptions, {each['events']} events: {each['renders']} renders.")
    for place, back in made["return"].items():
        lines.append(
            f"{back['clients']:,} come back at once after {back['missed']} events ({place}): connected in "
            f"{back['connected_seconds']:.1f} s, all caught up in {back['seconds']:.1f} s; {back['cpu_ms_each']:.1f} "
            f"ms of CPU and {back['renders'] / back['clients']:.2f} renders each, {back['behind']} behind."
        )
    lines.append("Nothing lost, nothing doubled." if made["correct"] else "\n".join(["WRONG:", *made["wrong"]]))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
