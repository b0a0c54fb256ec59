"""What was measured, as tables for people and as one object for programs."""

from statistics import median
from typing import Any

from bench.kit.load import Figures

Runs = dict[tuple[str, str, int], list[Figures]]  # (shape, server, connections) -> one a round
FIELDS = ("rate", "p50", "p99", "server_cpu", "database_cpu")
FLOORS = ("floor-sql", "floor-rows")
TARGETS = {"Q1": (0.65, 7), "Q2": (0.85, 15), "Q3": (0.85, 35), "Q4": (0.90, 15)}


def medians(runs: Runs) -> list[dict[str, Any]]:
    """One record for each shape, server and number of connections: medians over the rounds, and the rates' spread."""
    records = []
    for (shape, server, connections), figures in runs.items():
        rates = [each.rate for each in figures]
        record: dict[str, Any] = {"shape": shape, "server": server, "connections": connections}
        record |= {name: median(getattr(each, name) for each in figures) for name in FIELDS}
        record |= {f"{name}_rounds": [getattr(each, name) for each in figures] for name in FIELDS[1:]}
        record |= {"rounds": len(figures), "rates": rates, "answers": sum(each.answers for each in figures)}
        records.append(record)
    return records


def ratios(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours against every other: requests a second, per shape and number of connections."""
    rates = {(each["shape"], each["connections"], each["server"]): each["rate"] for each in records}
    found = []
    for shape, connections in dict.fromkeys((each["shape"], each["connections"]) for each in records):
        others = {name: rate for (s, c, name), rate in rates.items() if (s, c) == (shape, connections)}
        ours = others.pop("ours")
        floors = {name: others[name] for name in FLOORS if name in others}
        record: dict[str, Any] = {"shape": shape, "connections": connections}
        if floors:
            record["floor"] = max(floors, key=lambda name: floors[name])
            record["to_floor"] = ours / max(floors.values())
        record |= {f"to_{name}": ours / rate for name, rate in others.items() if name not in FLOORS}
        found.append(record)
    return found


def text(report: dict[str, Any]) -> str:
    """The report as tables."""
    titles = {each["name"]: each["title"] for each in report["servers"]}
    parts = [_machine(report), *(f"{name:<14}{title}" for name, title in titles.items())]
    for shape in report["shapes"]:
        parts += ["", f"{shape['name']}: {shape['title']}", _header()]
        parts += [_line(each) for each in report["figures"] if each["shape"] == shape["name"]]
    parts += ["", "Ours as a ratio of requests a second (targets of the read path at 16 connections in brackets)"]
    for each in report["ratios"]:
        floor, peer = TARGETS.get(each["shape"], (None, None)) if each["connections"] == 16 else (None, None)
        line = f"{each['shape']:<7} {each['connections']:>3} conn."
        if "floor" in each:
            line += f"  {each['to_floor']:.2f} of {each['floor']}" + (f" [{floor}]" if floor else "")
        for name, ratio in each.items():
            if name.startswith("to_") and name != "to_floor":
                line += f"   {ratio:.2f}x {name[3:]}" + (f" [{peer}x]" if peer and name == "to_peer" else "")
        parts.append(line)
    return "\n".join(parts)


def _machine(report: dict[str, Any]) -> str:
    machine, method = report["machine"], report["method"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Python "
        f"{machine['python']}; load before: {machine['load_before']}\n{method['rounds']} interleaved rounds of "
        f"{method['seconds']} s, medians; the load generator's ceiling: {report['ceiling']:,.0f} requests a second\n"
    )


def _header() -> str:
    return f"{'':<14}{'conn.':>6}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'server µs':>11}{'database µs':>13}  rounds"


def _line(each: dict[str, Any]) -> str:
    spread = " ".join(f"{rate:,.0f}" for rate in each["rates"])
    return (
        f"{each['server']:<14}{each['connections']:>6}{each['rate']:>10,.0f}{each['p50']:>9.2f}{each['p99']:>9.2f}"
        f"{each['server_cpu']:>11,.0f}{each['database_cpu']:>13,.0f}  {spread}"
    )
