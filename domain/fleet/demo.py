"""A believable fleet for the demo, made by the commands: 30 aircraft of 6 types with two years of flights, and a third
of it for a fixed-base operator."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from db.fleet.aircraft import Aircraft, AircraftStatus
from db.fleet.aircraft_types import AircraftCategory
from db.identity.organizations import Organization, OrganizationKind
from db.session import Database
from domain.context import Actor, Ctx
from domain.fleet import aircraft, aircraft_types, components_demo, utilisation
from domain.fleet.support import today
from domain.fleet.utilisation import Flight, Opening

DAYS = 730
# Flown days of the last three months, from which forecasts are made, and of the time before.
RECENT_DAYS, RECENT_FLIGHT_DAYS, FLIGHT_DAYS = 90, 30, 12


@dataclass(frozen=True)
class DemoType:
    """A real type (manufacturer, model, ICAO designator, type certificate holder), how many the fleet has, and how
    they are flown: minutes of one flight, flights of one day, years when they were built."""

    names: tuple[str, str, str, str]
    category: AircraftCategory
    engines: int
    count: int
    leg: tuple[int, int]
    legs: tuple[int, int]
    built: tuple[int, int]


PLANE, HELICOPTER = AircraftCategory.AEROPLANE, AircraftCategory.HELICOPTER
TYPES = (
    DemoType(
        ("Airbus", "A320-214", "A320", "Airbus S.A.S."), PLANE, 2, 8, leg=(70, 190), legs=(2, 5), built=(2006, 2015)
    ),
    DemoType(
        ("Boeing", "737-8AS", "B738", "The Boeing Company"), PLANE, 2, 6, leg=(75, 210), legs=(2, 5), built=(2005, 2017)
    ),
    DemoType(
        ("ATR", "72-600", "AT76", "ATR - GIE Avions de Transport Régional"),
        PLANE,
        2,
        5,
        leg=(35, 80),
        legs=(3, 6),
        built=(2012, 2019),
    ),
    DemoType(
        ("De Havilland Canada", "DHC-8-402", "DH8D", "De Havilland Aircraft of Canada Limited"),
        PLANE,
        2,
        4,
        leg=(40, 95),
        legs=(3, 6),
        built=(2007, 2014),
    ),
    DemoType(
        ("Cessna", "208B Grand Caravan EX", "C208", "Textron Aviation Inc."),
        PLANE,
        1,
        4,
        leg=(20, 60),
        legs=(1, 6),
        built=(2013, 2021),
    ),
    DemoType(
        ("Leonardo", "AW139", "A139", "Leonardo S.p.A."),
        HELICOPTER,
        2,
        3,
        leg=(15, 75),
        legs=(1, 4),
        built=(2010, 2020),
    ),
)
# What is not simply in service, by the number of the aircraft in the fleet.
STATUSES = {
    4: AircraftStatus.MAINTENANCE,
    9: AircraftStatus.STORED,
    13: AircraftStatus.MAINTENANCE,
    17: AircraftStatus.RETIRED,
}
MARKS = {OrganizationKind.AMO: "CS-T{}", OrganizationKind.FBO: "N{}HA"}
BASES = {
    OrganizationKind.AMO: ("LPPT", "LPPR", "LPFR", "LPMA"),
    OrganizationKind.FBO: ("KTEB", "KBOS", "KBDL", "KHPN"),
}


async def load(db: Database, actor: Actor) -> None:
    """Make the fleet of an organization that has no aircraft; otherwise do nothing. One transaction."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        ctx = Ctx(actor, session)
        # Two loads at once would each see an empty fleet: the second waits here.
        organization = await session.scalar(
            select(Organization).where(Organization.id == actor.org_id).with_for_update(key_share=True)
        )
        if organization is None or await session.scalar(select(Aircraft.id).limit(1)):
            return
        kind = OrganizationKind(organization.kind)
        chance = random.Random(kind.value)  # noqa: S311 - the same fleet every time, no secret
        number = 0
        for demo in TYPES:
            type_id = await _type(ctx, demo)
            for _ in range(demo.count if kind is OrganizationKind.AMO else -(-demo.count // 3)):
                number += 1
                await _aircraft(ctx, chance, demo, type_id, number, kind)


async def _type(ctx: Ctx, demo: DemoType) -> UUID:
    manufacturer, model, designator, holder = demo.names
    return await aircraft_types.create(
        ctx,
        manufacturer=manufacturer,
        model=model,
        icao_designator=designator,
        type_certificate_holder=holder,
        category=demo.category,
        engine_count=demo.engines,
    )


async def _aircraft(
    ctx: Ctx, chance: random.Random, demo: DemoType, type_id: UUID, number: int, kind: OrganizationKind
) -> None:
    """One aircraft: its opening two years ago, its flights since, a corrected slip in every sixth, its status."""
    now_here = await today(ctx)
    begin = now_here - timedelta(days=DAYS)
    built = date(chance.randint(*demo.built), chance.randint(1, 12), chance.randint(1, 28))
    minutes = (begin - built).days * chance.randint(2 * demo.leg[0], 3 * demo.leg[1]) // 2
    letters = chr(65 + number // 5) + chr(65 + number * 7 % 26)
    mark = MARKS[kind]
    made = await aircraft.create(
        ctx,
        registration=mark.format(letters if kind is OrganizationKind.AMO else f"{100 + number * 17}"),
        type_id=type_id,
        serial_number=str(1000 * (demo.engines + len(demo.names[1])) + number * 37),
        manufactured_on=built,
        base_airport=chance.choice(BASES[kind]),
        opening=Opening(minutes, 2 * minutes // sum(demo.leg), begin, "Totals from the technical log at entry"),
    )
    days = chance.sample(range(1, DAYS - RECENT_DAYS), FLIGHT_DAYS)
    days += chance.sample(range(DAYS - RECENT_DAYS, DAYS), 0 if number in STATUSES else RECENT_FLIGHT_DAYS)
    flights = [_flight(chance, demo, begin + timedelta(days=day)) for day in sorted(days)]
    entries = await utilisation.record_flights(ctx, aircraft_id=made, flights=flights)
    if kind is OrganizationKind.AMO:
        await components_demo.equip(
            ctx,
            chance,
            aircraft_id=made,
            designator=demo.names[2],
            engines=demo.engines,
            number=number,
            since=begin,
        )
    if number % 6 == 0:
        slip = flights[-1]
        await utilisation.correct(
            ctx,
            entries[-1],
            minutes=slip.minutes - 10,
            cycles=slip.cycles,
            note="Block time was entered, not flight time",
        )
    if number in STATUSES:
        await aircraft.set_status(ctx, made, status=STATUSES[number])


def _flight(chance: random.Random, demo: DemoType, day: date) -> Flight:
    legs = chance.randint(*demo.legs)
    return Flight(day, sum(chance.randint(*demo.leg) for _ in range(legs)), legs)
