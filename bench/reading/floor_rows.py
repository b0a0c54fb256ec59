"""The floor's other way: plain rows from PostgreSQL, made into the answer's objects in Python for orjson."""

from collections.abc import Callable
from typing import Any

import asyncpg

from bench.reading import cursors

Rows = list[asyncpg.Record]


def one(rows: Rows) -> dict[str, Any]:
    return {"aircraft": dict(rows[0]) if rows else None}


def page(size: int) -> Callable[[Rows], dict[str, Any]]:
    def made(rows: Rows) -> dict[str, Any]:
        nodes = [dict(row) for row in rows[:size]]
        end = None
        if nodes:
            last = nodes[-1]
            end = cursors.encode(cursors.BY_REGISTRATION, (last["registration"], last["id"][3:]))
        return {"aircraftList": {"nodes": nodes, "pageInfo": {"hasNextPage": len(rows) > size, "endCursor": end}}}

    return made


def _person(identifier: Any, name: str | None) -> dict[str, Any] | None:
    return None if identifier is None else {"id": f"usr_{identifier}", "name": name}


def parents(rows: Rows) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    before = None
    children: list[dict[str, Any]] = []
    for row in rows:
        (made, day, minutes, cycles, note, plane, registration, status, person, name,
         child, child_day, child_minutes, child_note, reporter, reporter_name) = row  # fmt: skip
        if made != before:
            before, children = made, []
            nodes.append(
                {
                    "id": f"ut_{made}",
                    "flownOn": day,
                    "minutes": minutes,
                    "cycles": cycles,
                    "note": note,
                    "aircraft": {"id": f"ac_{plane}", "registration": registration, "status": status},
                    "reporter": _person(person, name),
                    "corrections": {"nodes": children},
                }
            )
        if child is not None:
            children.append(
                {
                    "id": f"ut_{child}",
                    "flownOn": child_day,
                    "minutes": child_minutes,
                    "note": child_note,
                    "reporter": _person(reporter, reporter_name),
                }
            )
    return {"utilisationEntries": {"nodes": nodes}}


def fleet(rows: Rows) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = []
    before = None
    entries: list[dict[str, Any]] = []
    for row in rows:
        (made, registration, status, kind_id, maker, model,
         entry, kind, day, minutes, cycles, person, name) = row  # fmt: skip
        if made != before:
            before, entries = made, []
            nodes.append(
                {
                    "id": f"ac_{made}",
                    "registration": registration,
                    "status": status,
                    "type": {"id": f"at_{kind_id}", "manufacturer": maker, "model": model},
                    "utilisation": {"nodes": entries},
                }
            )
        if entry is not None:
            entries.append(
                {
                    "id": f"ut_{entry}",
                    "kind": kind,
                    "flownOn": day,
                    "minutes": minutes,
                    "cycles": cycles,
                    "reporter": _person(person, name),
                }
            )
    return {"aircraftList": {"nodes": nodes}}


ENCODERS: dict[str, Callable[[Rows], dict[str, Any]]] = {
    "Q1": one,
    "Q2": page(50),
    "Q3": parents,
    "Q4": page(500),
    "Nested": fleet,
}
