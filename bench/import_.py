"""./opsgraph bench import: how long it takes to import a fleet from a workbook, and whether nothing slips through.

A workbook with defective rows first (a dry run, then for real): every defect must be told by its row and column, and
nothing else, and nothing may be written. Then the corrected one: a dry run writes nothing, the import brings every
aircraft with its totals, and repeating it changes nothing.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg

from bench.importing.workbook import COLUMN, Cells, fleet, spoiled, workbook
from bench.kit import machine
from bench.kit.platform import Place, platform
from domain.fleet import importing
from domain.fleet.importing import Report
from runtime.secrets import ensure_secrets

EVERYTHING = """
SELECT (SELECT count(*) FROM aircraft WHERE org_id = $1), (SELECT sum(version) FROM aircraft WHERE org_id = $1),
    (SELECT count(*) FROM aircraft_types WHERE org_id = $1),
    (SELECT count(*) FROM utilisation_entries WHERE org_id = $1),
    (SELECT count(*) FROM outbox_pending WHERE org_id = $1)
"""
FLEET = """
SELECT a.registration, t.model, a.serial_number, a.total_minutes, a.total_cycles, a.manufactured_on,
    (SELECT sum(minutes) FROM utilisation_entries u WHERE u.org_id = a.org_id AND u.aircraft_id = a.id) AS logged
FROM aircraft a JOIN aircraft_types t ON t.org_id = a.org_id AND t.id = a.type_id WHERE a.org_id = $1
"""


def options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="opsgraph bench import", description=__doc__)
    parser.add_argument("--aircraft", type=int, default=1_000, help="rows of the workbook (1000)")
    parser.add_argument("--defective", type=int, default=50, help="rows with a defect (50)")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object")
    given = parser.parse_args(argv)
    if not 0 < given.defective * 2 < given.aircraft <= 26**3:
        parser.error("of the aircraft (17,576 at most) fewer than half, and one at least, are --defective")
    return given


def main(argv: list[str]) -> int:
    """Runs the benchmark; 0 when the import kept its word, 1 with what it did not."""
    given = options(argv)
    described = machine.describe()
    with platform() as place:
        place.load(1)
        made = asyncio.run(Importing(place).run(given.aircraft, given.defective))
    report = {"benchmark": "import", "machine": described, **made}
    print(json.dumps(report) if given.json else text(report))
    return 0 if not made["wrong"] else 1


class Importing:
    """One organization, and what the imports into it do."""

    def __init__(self, place: Place) -> None:
        self.place, self.tenant = place, place.tenants[0]
        self.settings = ensure_secrets(place.settings().model_copy(update={"data_dir": place.folder}))
        self.steps: list[dict[str, Any]] = []
        self.wrong: list[str] = []

    async def run(self, aircraft: int, defective: int) -> dict[str, Any]:
        sound = fleet(aircraft)
        bad, told = spoiled(sound, defective)
        files = {"defective": self.file("defective.xlsx", bad), "corrected": self.file("corrected.xlsx", sound)}
        for dry_run in (True, False):
            report = await self.step("defective", files["defective"], dry_run=dry_run, writes=False)
            found = {(problem.row.number if problem.row else 0, problem.column) for problem in report.problems}
            self.check(found == told, f"told {sorted(found - told)} too much, left out {sorted(told - found)}")
            self.check(report.bad_rows == defective, f"{report.bad_rows} bad rows instead of {defective}")
        report = await self.step("corrected", files["corrected"], dry_run=True, writes=False)
        self.check(len(report.created) == aircraft, f"a dry run would create {len(report.created)}")
        report = await self.step("corrected", files["corrected"], dry_run=False, writes=True)
        self.check(report.ok and len(report.created) == aircraft, f"{len(report.created)} created: {report.text()}")
        self.check(await self.stored() == wanted(sound), "the fleet is not what the workbook says")
        report = await self.step("repeated", files["corrected"], dry_run=False, writes=False)
        self.check(report.unchanged == aircraft, f"{report.unchanged} unchanged when repeated")
        return {
            "aircraft": aircraft,
            "defective": defective,
            "defects": len(told),
            "steps": self.steps,
            "wrong": self.wrong,
        }

    def file(self, name: str, rows: list[Cells]) -> Path:
        path = self.place.folder / name
        path.write_bytes(workbook(rows))
        return path

    async def step(self, name: str, path: Path, *, dry_run: bool, writes: bool) -> Report:
        """One import, as the command line does it, and whether it wrote."""
        before, started = await self.rows(EVERYTHING), perf_counter()
        report = await importing.run(self.settings, path, self.tenant.slug, dry_run)
        seconds = perf_counter() - started
        wrote = await self.rows(EVERYTHING) != before
        self.check(wrote == writes, f"{name}: it {'wrote' if wrote else 'wrote nothing'}")
        self.steps.append(
            {
                "workbook": name,
                "dry_run": dry_run,
                "seconds": round(seconds, 3),
                "problems": len(report.problems),
                "bad_rows": report.bad_rows,
                "created": len(report.created),
                "unchanged": report.unchanged,
                "wrote": wrote,
            }
        )
        return report

    def check(self, kept: bool, otherwise: str) -> None:
        if not kept:
            self.wrong.append(otherwise)

    async def stored(self) -> dict[str, tuple[Any, ...]]:
        return by_registration(tuple(row) for row in await self.rows(FLEET))

    async def rows(self, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.place.admin_url)
        try:
            return [tuple(row) for row in await connection.fetch(sql, self.tenant.id)]
        finally:
            await connection.close()


def wanted(rows: list[Cells]) -> dict[str, tuple[Any, ...]]:
    """What must be stored of each aircraft: its log sums up to its totals."""
    found = []
    for row in rows:
        hours = row[COLUMN["Hours"]]
        if isinstance(hours, timedelta):
            minutes = int(hours.total_seconds()) // 60
        else:
            minutes = int(hours.partition(":")[0]) * 60 + int(hours.partition(":")[2])
        named = (row[COLUMN["Registration"]], row[COLUMN["Model"]], str(row[COLUMN["MSN"]]))
        found.append((*named, minutes, row[COLUMN["Cycles"]], row[COLUMN["Manufactured"]], minutes))
    return by_registration(found)


def by_registration(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in rows}


def text(made: dict[str, Any]) -> str:
    host = made["machine"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {host['memory_gb']} GB, load before: {host['load_before']}",
        f"A workbook of {made['aircraft']:,} aircraft; in the defective one {made['defects']} cells of"
        f" {made['defective']} rows are wrong.",
        "",
        f"{'workbook':<12}{'':<10}{'seconds':>8}{'problems':>10}{'in rows':>9}{'created':>9}{'unchanged':>11}  wrote",
    ]
    lines += [
        f"{step['workbook']:<12}{'dry run' if step['dry_run'] else 'for real':<10}{step['seconds']:>8.2f}"
        f"{step['problems']:>10,}{step['bad_rows']:>9,}{step['created']:>9,}{step['unchanged']:>11,}"
        f"  {'yes' if step['wrote'] else 'nothing'}"
        for step in made["steps"]
    ]
    lines.append("Every defect was told by row and column, and nothing slipped through." if not made["wrong"] else "")
    return "\n".join([*lines, *(f"WRONG: {each}" for each in made["wrong"])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
