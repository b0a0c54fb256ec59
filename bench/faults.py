"""./opsgraph bench faults: whether anything is lost or doubled when servers are killed.

While writers send mutations (each with an Idempotency-Key, until it is acknowledged) and followers subscribe to all
events (resuming behind their last cursor), Valkey, the worker, the API and PostgreSQL are killed with SIGKILL in turn,
and started again. Fails when an acknowledged mutation is not done and logged exactly once, a follower misses, doubles
or misorders an event, a number is missing, or the chain breaks.
"""

import argparse
import asyncio
import json
import resource
import secrets
import statistics
import sys
from typing import Any

import asyncpg

from bench.faulting import verify
from bench.faulting.killing import PARTS, Kill, Killer, Mortal, load, mortal
from bench.faulting.load import Member, Order
from bench.kit import machine
from bench.kit.asking import SetUpError
from bench.kit.platform import Place, platform
from bench.kit.programs import ProgramError
from domain.events.cursors import Cursors
from runtime.servers.postgres import ServerError

AIRCRAFT = 50  # of each organization
SOME = "SELECT id FROM aircraft WHERE org_id = $1 ORDER BY registration"
EPOCH = "SELECT event_epoch()"


def options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="opsgraph bench faults", description=__doc__)
    parser.add_argument("--mutations", type=int, default=20_000, help="how many in all (20000)")
    parser.add_argument("--kills", type=int, default=5, help="how often each part is killed (5)")
    parser.add_argument("--subscribers", type=int, default=200, help="followers over all organizations (200)")
    parser.add_argument("--organizations", type=int, default=4, help="how many organizations (4)")
    parser.add_argument("--writers", type=int, default=8, help="mutations under way at once (8)")
    parser.add_argument("--lead", type=int, default=200, help="events that writers may be ahead of followers (200)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when nothing was lost or doubled, 1 with what was."""
    given = options(argv)
    described = machine.describe()
    allow_files(given.subscribers)
    try:
        with platform() as place:
            made = {"benchmark": "faults", "machine": described, **measure(place, given)}
    except (SetUpError, ProgramError, ServerError) as error:
        print(f"opsgraph bench faults: {error}", file=sys.stderr)
        return 1
    print(json.dumps(made) if given.json else text(made))
    return 1 if any(made["verdict"].values()) else 0


def allow_files(sockets: int) -> None:
    """Let us and our children have a file for each socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets * 2 + 1_000
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))


def measure(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    place.load(given.organizations)
    place.grow(AIRCRAFT * given.organizations, flights=0)
    secret = secrets.token_urlsafe(48)
    with mortal(place, secret) as running:
        minutes = asyncio.run(verify.total_minutes(place))
        order = asyncio.run(order_of(running, given, secret))
        killer = Killer(running, given.mutations, given.kills, tell)
        with load(order) as generator:
            written = killer.run(generator)
            tell(f"{given.mutations:,} mutations acknowledged within {written['written']:.0f} s.")
            ends = asyncio.run(verify.heads(place))
            seen = killer.finish(generator, ends)
        verdict = asyncio.run(verify.verdict(place, given.mutations, minutes, seen))
    return {
        "mutations": given.mutations,
        "organizations": given.organizations,
        "subscribers": given.subscribers,
        "seconds": written["written"],
        "events": sum(ends.values()),
        "delivered": seen["received"],
        "counts": seen["counts"],
        "kills": [kill.told() for kill in killer.kills],
        "outages": outages(killer.kills),
        "verdict": verdict,
    }


async def order_of(running: Mortal, given: argparse.Namespace, secret: str) -> Order:
    place = running.place
    cursors = Cursors.from_settings(place.settings(secret))
    connection = await asyncpg.connect(place.admin_url)
    try:
        epoch = await connection.fetchval(EPOCH)
        members = [
            Member(
                tenant.slug,
                tenant.email(),
                [f"ac_{row['id']}" for row in await connection.fetch(SOME, tenant.id)],
                cursors.encode(epoch, tenant.id, 0),
            )
            for tenant in place.tenants
        ]
    finally:
        await connection.close()
    return Order(running.port, given.mutations, given.writers, given.subscribers, given.lead, members)


def outages(kills: list[Kill]) -> dict[str, dict[str, float]]:
    """Middle and longest time after the kill of a part until it ran, and until writers and followers went on."""
    found: dict[str, dict[str, float]] = {}
    for part in PARTS:
        mine = [kill for kill in kills if kill.part == part]
        for name in ("running", "written", "followed"):
            times = [time for kill in mine if (time := getattr(kill, name)) is not None]
            if times:
                found.setdefault(part, {})[f"{name}_median"] = statistics.median(times)
                found[part][f"{name}_most"] = max(times)
    return found


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def text(made: dict[str, Any]) -> str:
    """The report as a table."""
    host = made["machine"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {host['memory_gb']} GB, load before: {host['load_before']}",
        "",
        f"{made['mutations']:,} mutations over {made['organizations']} organizations in {made['seconds']:.0f} s "
        f"({made['mutations'] / made['seconds']:.0f} a second), {made['events']:,} events, "
        f"{made['delivered']:,} deliveries to {made['subscribers']} followers.",
        "",
        f"{'seconds after the kill until':<46}{'it runs':>16}{'writers go on':>16}{'followers too':>16}",
    ]
    for part, times in made["outages"].items():
        count = sum(kill["part"] == part for kill in made["kills"])
        cells = [
            f"{times.get(f'{name}_median', 0):.2f} / {times.get(f'{name}_most', 0):.2f}"
            for name in ("running", "written", "followed")
        ]
        lines.append(f"{f'{part}, {count} times (middle / most)':<46}" + "".join(f"{cell:>16}" for cell in cells))
    lines += ["", ", ".join(f"{name} {count:,}" for name, count in sorted(made["counts"].items())), ""]
    for name, wrong in made["verdict"].items():
        lines.append(f"{'FAILED' if wrong else 'ok    '}  {name}: {len(wrong) and wrong[:5]}")
    return "\n".join(lines)
