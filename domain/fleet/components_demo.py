"""Engines and batteries of the demo's fleet."""

import random
from datetime import date, timedelta
from uuid import UUID

from domain.context import Ctx
from domain.fleet import components, installations

# By ICAO designator: an engine's part number, manufacturer, and the cycles that its discs may have.
ENGINES = {
    "A320": ("CFM56-5B4/3", "CFM International", 20_000),
    "B738": ("CFM56-7B26E", "CFM International", 20_000),
    "AT76": ("PW127M", "Pratt & Whitney Canada", 30_000),
    "DH8D": ("PW150A", "Pratt & Whitney Canada", 24_000),
    "C208": ("PT6A-140", "Pratt & Whitney Canada", 22_000),
    "A139": ("PT6C-67C", "Pratt & Whitney Canada", 16_000),
}
BATTERY = "2758-01"


async def equip(
    ctx: Ctx, chance: random.Random, *, aircraft_id: UUID, designator: str, engines: int, number: int, since: date
) -> None:
    """Put engines and a battery on an aircraft, the day after its log begins."""
    part, maker, limit = ENGINES[designator]
    day = since + timedelta(days=1)
    for place in range(1, engines + 1):
        cycles = chance.randint(limit // 10, limit // 2)
        engine = await components.register(
            ctx,
            part_number=part,
            serial_number=f"{part[:2]}{4_000 + 10 * number + place}",
            description="Engine",
            manufacturer=maker,
            manufactured_on=day - timedelta(days=chance.randint(1_200, 2_500)),
            opening_minutes=cycles * chance.randint(60, 110),
            opening_cycles=cycles,
            life_limit_cycles=limit,
        )
        await installations.install(
            ctx, component_id=engine, aircraft_id=aircraft_id, position=f"ENGINE {place}", installed_on=day
        )
    battery = await components.register(
        ctx,
        part_number=BATTERY,
        serial_number=f"B{7_000 + number}",
        description="Main battery",
        manufacturer="Saft",
        manufactured_on=day - timedelta(days=chance.randint(100, 400)),
    )
    await installations.install(
        ctx, component_id=battery, aircraft_id=aircraft_id, position="BATTERY 1", installed_on=day
    )
