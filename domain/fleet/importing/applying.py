"""Writing a plan: one statement a table, and an event for every change."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table
from uuid_utils.compat import uuid7

from db import bulk
from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftType
from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from domain.context import Ctx
from domain.entities import as_json
from domain.fleet.importing.planning import NewAircraft, Plan
from domain.fleet.importing.report import Progress

NOTE = "Totals at import"


async def apply(ctx: Ctx, plan: Plan, progress: Progress, *, today: date) -> None:
    """Types first, then aircraft with their totals, then the log entries that these totals are the sum of."""
    org_id = str(ctx.actor.org_id)
    total = len(plan.types) + len(plan.new) + len(plan.changed)
    if not total:
        return
    progress("Writing", 0, total)
    types = [
        {
            "org_id": org_id,
            "id": str(item.id),
            "manufacturer": item.manufacturer,
            "model": item.model,
            "icao_designator": item.icao_designator,
            "engine_count": item.engine_count,
            "category": item.category,
        }
        for item in plan.types
    ]
    await bulk.insert(ctx.session, _table(AircraftType), types)
    for row in types:
        _record(ctx, "aircraft_type.created", "at", row)
    progress("Writing", len(types), total)
    await _create(ctx, org_id, plan.new, today)
    if plan.changed:
        progress("Writing", len(types) + len(plan.new), total)
        await _update(ctx, org_id, plan)
    progress("Writing", total, total)


async def _create(ctx: Ctx, org_id: str, new: list[NewAircraft], today: date) -> None:
    rows = [
        {"org_id": org_id}
        | {name: as_json(value) for name, value in item.values.items()}
        | {"total_minutes": item.minutes, "total_cycles": item.cycles}
        for item in new
    ]
    entries = [
        {
            "org_id": org_id,
            "id": str(uuid7()),
            "aircraft_id": str(item.values["id"]),
            "kind": UtilisationKind.OPENING.value,
            "flown_on": str(today),
            "minutes": item.minutes,
            "cycles": item.cycles,
            "reporter_id": str(ctx.actor.user_id) if ctx.actor.user_id else None,
            "note": NOTE,
        }
        for item in new
        if item.minutes or item.cycles
    ]
    await bulk.insert(ctx.session, _table(Aircraft), rows)
    await bulk.insert(ctx.session, _table(UtilisationEntry), entries)
    for row in rows:
        _record(ctx, "aircraft.created", "ac", {k: v for k, v in row.items() if not k.startswith("total_")})
    for item, entry in zip((item for item in new if item.minutes or item.cycles), entries, strict=True):
        ctx.record(
            "aircraft.utilisation_recorded",
            "ac",
            item.values["id"],
            before={"total_minutes": 0, "total_cycles": 0},
            after={
                "total_minutes": item.minutes,
                "total_cycles": item.cycles,
                "entry_id": entry["id"],
                **{name: entry[name] for name in ("kind", "flown_on", "minutes", "cycles")},
            },
        )


async def _update(ctx: Ctx, org_id: str, plan: Plan) -> None:
    rows = [
        {"org_id": org_id, "id": str(item.aircraft.id)} | {name: as_json(value) for name, value in item.values.items()}
        for item in plan.changed
    ]
    await bulk.update(ctx.session, _table(Aircraft), rows)
    for item in plan.changed:
        before = {name: as_json(value) for name, value in item.before.items()}
        after = {name: as_json(value) for name, value in item.after.items()}
        ctx.record("aircraft.updated", "ac", item.aircraft.id, before=before, after=after)


def _record(ctx: Ctx, event: str, prefix: str, row: Mapping[str, Any]) -> None:
    shown = {k: v for k, v in row.items() if v is not None and k not in ("org_id", "id")}
    ctx.record(event, prefix, UUID(row["id"]), after=shown)


def _table(model: Any) -> Table:
    return cast(Table, model.__table__)
