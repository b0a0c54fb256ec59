"""Aircraft types, aircraft and flights, made by the domain commands."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, union_all

from db.events.log import EventLog
from db.events.outbox import OutboxEvent
from db.fleet.aircraft import Aircraft
from db.fleet.aircraft_types import AircraftCategory
from db.fleet.utilisation import UtilisationEntry
from db.session import Database
from domain.context import Actor, Ctx
from domain.fleet import aircraft as aircraft_commands
from domain.fleet import aircraft_types, utilisation

_numbers = count(1)


@asynccontextmanager
async def command(db: Database, actor: Actor, *, now: datetime | None = None) -> AsyncIterator[Ctx]:
    """One transaction of `actor` as a mutation has it; commits at the end."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        yield Ctx(actor, session, now or datetime.now(UTC))


async def aircraft_type(db: Database, actor: Actor, **values: Any) -> UUID:
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "manufacturer": "Airbus",
        "model": f"A320-{number}",
        "icao_designator": "A320",
        "engine_count": 2,
        "category": AircraftCategory.AEROPLANE,
    }
    async with command(db, actor) as ctx:
        return await aircraft_types.create(ctx, **(defaults | values))


async def aircraft(db: Database, actor: Actor, **values: Any) -> UUID:
    """An aircraft, of a new type unless `type_id` is given; `minutes` and `cycles` open its log."""
    number = next(_numbers)
    minutes, cycles = values.pop("minutes", 0), values.pop("cycles", 0)
    opened_on = values.pop("opened_on", None)
    if "type_id" not in values:
        values["type_id"] = await aircraft_type(db, actor)
    defaults: dict[str, Any] = {
        "registration": f"D-A{number:04d}",
        "serial_number": str(1000 + number),
        "manufactured_on": date(2012, 3, 4),
    }
    if minutes or cycles:
        defaults["opening"] = utilisation.Opening(minutes, cycles, opened_on)
    async with command(db, actor) as ctx:
        return await aircraft_commands.create(ctx, **(defaults | values))


async def flight(db: Database, actor: Actor, aircraft_id: UUID, **values: Any) -> UUID:
    defaults: dict[str, Any] = {"flown_on": date(2024, 5, 6), "minutes": 90, "cycles": 1}
    async with command(db, actor) as ctx:
        return await utilisation.record(ctx, aircraft_id=aircraft_id, **(defaults | values))


async def totals(db: Database, actor: Actor, aircraft_id: UUID) -> tuple[int, int]:
    """The aircraft's stored totals, after checking that they are the sum of its log."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        stored = (
            await session.execute(
                select(Aircraft.total_minutes, Aircraft.total_cycles).where(Aircraft.id == aircraft_id)
            )
        ).one()
        summed = (
            await session.execute(
                select(
                    func.coalesce(func.sum(UtilisationEntry.minutes), 0),
                    func.coalesce(func.sum(UtilisationEntry.cycles), 0),
                ).where(UtilisationEntry.aircraft_id == aircraft_id)
            )
        ).one()
    assert tuple(stored) == tuple(summed)
    return stored[0], stored[1]


async def events_of(db: Database, target_id: UUID) -> Sequence[Any]:
    """What was recorded about a target, in order, whether the relay has numbered it yet or not."""
    shown = ("type", "target_type", "actor_id", "before", "after")
    numbered = select(literal(0).label("part"), EventLog.seq.label("place"), *(getattr(EventLog, n) for n in shown))
    pending = select(literal(1), OutboxEvent.position, *(getattr(OutboxEvent, n) for n in shown))
    both = union_all(
        numbered.where(EventLog.target_id == target_id), pending.where(OutboxEvent.target_id == target_id)
    ).subquery()
    async with db.platform() as session:
        return (await session.execute(select(both).order_by(both.c.part, both.c.place))).all()


async def count_events(db: Database, org_id: UUID) -> int:
    """How many events the organization has, numbered or not."""
    both = union_all(
        select(EventLog.id).where(EventLog.org_id == org_id), select(OutboxEvent.id).where(OutboxEvent.org_id == org_id)
    ).subquery()
    async with db.platform() as session:
        return int(await session.scalar(select(func.count()).select_from(both)) or 0)
