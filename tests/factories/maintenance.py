"""Components, programmes, tasks and directives, made by the domain commands."""

from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft
from db.maintenance.directives import DirectiveKind
from db.session import Database
from domain.context import Actor
from domain.fleet import components, installations
from domain.maintenance import directives
from domain.maintenance.programme import programmes, tasks
from tests.factories import fleet

_numbers = count(1)


async def type_of(db: Database, actor: Actor, aircraft_id: UUID) -> UUID:
    async with fleet.command(db, actor) as ctx:
        found = await ctx.session.scalar(select(Aircraft.type_id).where(Aircraft.id == aircraft_id))
        assert found
        return found


async def component(db: Database, actor: Actor, **values: Any) -> UUID:
    defaults: dict[str, Any] = {"part_number": "PN-1", "serial_number": f"S{next(_numbers)}", "description": "Pump"}
    async with fleet.command(db, actor) as ctx:
        return await components.register(ctx, **(defaults | values))


async def installed(db: Database, actor: Actor, component_id: UUID, aircraft_id: UUID, **values: Any) -> UUID:
    values.setdefault("position", f"PLACE {next(_numbers)}")
    async with fleet.command(db, actor) as ctx:
        return await installations.install(ctx, component_id=component_id, aircraft_id=aircraft_id, **values)


async def programme(db: Database, actor: Actor, aircraft_id: UUID, *, since: date | None = None) -> UUID:
    """A programme that the aircraft follows."""
    type_id = await type_of(db, actor, aircraft_id)
    async with fleet.command(db, actor) as ctx:
        made = await programmes.create(ctx, name=f"Programme {next(_numbers)}", type_id=type_id)
        await programmes.follow(ctx, aircraft_id=aircraft_id, programme_id=made, since=since)
        return made


async def task(db: Database, actor: Actor, programme_id: UUID, **values: Any) -> UUID:
    defaults: dict[str, Any] = {"code": f"T{next(_numbers)}", "title": "Inspect"}
    async with fleet.command(db, actor) as ctx:
        return await tasks.create(ctx, programme_id=programme_id, **(defaults | values))


async def directive(db: Database, actor: Actor, aircraft_id: UUID, **values: Any) -> UUID:
    """A directive for all aircraft of this one's type."""
    type_id = await type_of(db, actor, aircraft_id)
    defaults: dict[str, Any] = {
        "kind": DirectiveKind.AD,
        "number": f"2026-{next(_numbers):04d}",
        "title": "Fan blades",
        "issuer": "EASA",
        "effective_on": date(2026, 1, 1),
        "applicability": [directives.Range(type_id)],
    }
    async with fleet.command(db, actor) as ctx:
        return await directives.create(ctx, **(defaults | values))
