"""What was seen over time, as a verdict: whether memory, connections and latency stay where they are."""

import statistics
from math import isfinite
from typing import Any

WARM_UP = 1 / 3  # of the time: pools and caches fill
FLAT_MB_AN_HOUR = 20.0
MORE_CONNECTIONS, MORE_FILES, SLOWER = 2, 10, 1.5
COLUMNS = ("rss", "worker_rss", "files", "sockets", "subscriptions", "database", "redis", "rate", "p50", "p99")


def slope(samples: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Growth an hour by least squares, and the half width of its 95 % interval."""
    hours = [each["at"] / 3600 for each in samples]
    values = [float(each[name]) for each in samples]
    if len(values) < 3:
        return 0.0, float("inf")
    fitted = statistics.linear_regression(hours, values)
    rest = sum((y - fitted.intercept - fitted.slope * x) ** 2 for x, y in zip(hours, values, strict=True))
    middle = statistics.fmean(hours)
    spread = sum((x - middle) ** 2 for x in hours)
    return fitted.slope, 1.96 * (rest / (len(values) - 2) / spread) ** 0.5


def thirds(samples: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """The middle value of the first third and of the last."""
    length = max(1, len(samples) // 3)
    first, last = samples[:length], samples[-length:]
    return statistics.median(each[name] for each in first), statistics.median(each[name] for each in last)


def verdict(samples: list[dict[str, Any]], errors: dict[str, int]) -> dict[str, Any]:
    """Each finding with what was measured and whether it is in order."""
    settled = samples[int(len(samples) * WARM_UP) :]
    found: dict[str, Any] = {}
    for name, what in (("rss", "server"), ("worker_rss", "worker")):
        growth, bound = slope(settled, name)
        # Surely more than flat is a leak; a short run cannot tell, and has no bound that says so.
        found[f"memory of the {what}, MB an hour"] = {
            "value": growth,
            "bound": bound if isfinite(bound) else None,
            "ok": growth - bound <= FLAT_MB_AN_HOUR,
        }
    for name, what, more in (
        ("database", "connections to PostgreSQL", MORE_CONNECTIONS),
        ("redis", "clients of Redis", MORE_CONNECTIONS),
        ("files", "open files of the server", MORE_FILES),
    ):
        first, last = thirds(settled, name)
        found[what] = {"first": first, "last": last, "ok": last <= first + more}
    first, last = thirds(samples, "p99")
    found["p99 in ms"] = {"first": first, "last": last, "ok": last <= first * SLOWER}
    found["errors"] = {"value": sum(errors.values()), "kinds": errors, "ok": not errors}
    return found


def text(made: dict[str, Any]) -> str:
    """The report as tables."""
    host = made["machine"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {host['memory_gb']} GB, load before: {host['load_before']}",
        "",
        f"{'connections':>12}{'req/s':>10}{'p50 ms':>10}{'p99 ms':>10}",
    ]
    for each in made["curve"]:
        knee = "   <- the knee" if each["connections"] == made["knee"] else ""
        lines.append(f"{each['connections']:>12}{each['rate']:>10,.0f}{each['p50']:>10.2f}{each['p99']:>10.2f}{knee}")
    lines += ["", f"{'seconds':>8}" + "".join(f"{name:>14}" for name in COLUMNS)]
    for each in made["samples"]:
        lines.append(f"{each['at']:>8.0f}" + "".join(f"{each[name]:>14,.1f}" for name in COLUMNS))
    lines += ["", "rss in MB; answered: " + ", ".join(f"{name} {n:,}" for name, n in made["counts"].items()), ""]
    for name, each in made["verdict"].items():
        figures = ", ".join(
            f"{key} {value:,.2f}" if isinstance(value, float) else f"{key} {value}"
            for key, value in each.items()
            if key != "ok"
        )
        lines.append(f"{'ok    ' if each['ok'] else 'FAILED'}  {name}: {figures}")
    return "\n".join(lines)
