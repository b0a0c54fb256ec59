"""People who may sign, and work orders in any state, made by the domain commands."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from db.session import Database
from db.workforce.authorisations import Privilege
from domain.context import Actor
from domain.maintenance import sign_offs, task_cards, work_orders
from runtime.settings import Settings
from tests.factories import fleet, identity, workforce
from tests.factories.identity import Person

LONG_AGO = timedelta(days=1_000)
NEEDED = {
    "mechanic": (Privilege.MECHANIC,),
    "inspector": (Privilege.INSPECTOR, Privilege.MECHANIC),
    "certifier": (Privilege.CERTIFYING_STAFF,),
}


@dataclass(frozen=True)
class Crew:
    """An organization with an aircraft (of 600 minutes and 40 cycles), and who works on it."""

    owner: Person
    planner: Actor
    mechanic: Person
    inspector: Person
    certifier: Person
    type_id: UUID
    aircraft_id: UUID
    authorisations: dict[Privilege, UUID]  # the last one issued of each

    @property
    def org_id(self) -> UUID:
        return self.owner.org_id


async def crew(db: Database, settings: Settings) -> Crew:
    owner = await identity.owner(db, settings)
    planner = await identity.actor(db, owner)
    type_id = await fleet.aircraft_type(db, planner)
    aircraft_id = await fleet.aircraft(
        db, planner, type_id=type_id, minutes=600, cycles=40, opened_on=datetime.now(UTC).date() - LONG_AGO
    )
    people, held = {}, {}
    for name, privileges in NEEDED.items():
        people[name] = await identity.person(db, settings, owner.org_id, "CERTIFYING_ENGINEER")
        for privilege in privileges:
            held[privilege] = await authorised(db, planner, people[name].user_id, privilege, type_id)
    return Crew(owner, planner, **people, type_id=type_id, aircraft_id=aircraft_id, authorisations=held)


async def authorised(
    db: Database, planner: Actor, user_id: UUID, privilege: Privilege, type_id: UUID, **values: Any
) -> UUID:
    """An authorisation for a type that has been effective for a long time, with the experience it needs."""
    if privilege is Privilege.CERTIFYING_STAFF:
        await workforce.experienced(db, planner, user_id, [type_id], months=32)
    given: dict[str, Any] = {"privilege": privilege, "aircraft_type_ids": [type_id]}
    return await workforce.authorisation(db, planner, user_id, **(given | values))


async def actors(db: Database, crew: Crew) -> dict[str, Actor]:
    """The people of a crew as commands know them."""
    found = {name: await identity.actor(db, getattr(crew, name)) for name in NEEDED}
    return found | {"planner": crew.planner}


async def work_order(db: Database, crew: Crew, *cards: dict[str, Any], opened: bool = True) -> tuple[UUID, list[UUID]]:
    """A work order with these cards (or one), open unless told otherwise; its id and theirs."""
    async with fleet.command(db, crew.planner) as ctx:
        made = await work_orders.create(ctx, aircraft_id=crew.aircraft_id, title="A check")
        defaults: dict[str, Any] = {"title": "Change wheel 1"}
        ids = [await task_cards.add(ctx, work_order_id=made, **(defaults | values)) for values in cards or ({},)]
        if opened:
            await work_orders.open_for_work(ctx, made)
    return made, ids


async def done(db: Database, crew: Crew, *card_ids: UUID, now: datetime | None = None) -> None:
    """Work on cards from start to closing, inspected where they must be."""
    people = await actors(db, crew)
    now = now or datetime.now(UTC)
    for card_id in card_ids:
        async with fleet.command(db, people["mechanic"], now=now) as ctx:
            await task_cards.start(ctx, card_id)
            await sign_offs.perform(ctx, card_id, note="Done by AMM 32-41.")
        async with fleet.command(db, people["inspector"], now=now) as ctx:
            _, card = await task_cards.access(ctx, card_id)
            if card.inspection_required:
                await sign_offs.inspect(ctx, card_id)
        async with fleet.command(db, people["certifier"], now=now) as ctx:
            await sign_offs.close(ctx, card_id)


def days_ago(days: int) -> tuple[datetime, date]:
    """A moment, and its day in UTC."""
    moment = datetime.now(UTC) - timedelta(days=days)
    return moment, moment.date()
