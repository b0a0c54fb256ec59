"""Maintenance programmes and directives of the demo: what is done how often, by the type of the aircraft.

Intervals are of the size that manufacturers recommend; the tasks' codes and the directives' numbers are invented.
"""

from dataclasses import dataclass
from typing import Any

from db.maintenance.programme import Rebasing

HOUR = 60
IN_WINDOW: dict[str, Any] = {"rebasing": Rebasing.FROM_DUE_WHEN_IN_WINDOW}


@dataclass(frozen=True)
class Task:
    code: str
    title: str
    values: dict[str, Any]
    component: bool = False  # done to the battery


def task(code: str, title: str, *, component: bool = False, **values: Any) -> Task:
    return Task(code, title, values, component)


def check(code: str, title: str, hours: int, months: int) -> Task:
    """A letter check: a tenth of its hours, and a week for each four months, may be over or under."""
    tolerance: dict[str, Any] = {"tolerance_minutes": hours * HOUR // 10, "tolerance_days": 7 * max(1, months // 4)}
    return task(code, title, interval_minutes=hours * HOUR, interval_months=months, **tolerance, **IN_WINDOW)


COMMON = (
    task("24-30-01", "Main battery: capacity check in the shop", component=True, interval_months=12, tolerance_days=15),
    task(
        "34-11-01",
        "Altimeter and static system: leak and accuracy test",
        description="Test to Appendix E of 14 CFR part 43, and enter the altitude tested.",
        interval_months=24,
        required_inspection=True,
    ),
    task("26-24-01", "Portable extinguishers: weighing", interval_months=6, tolerance_days=10),
)
AIRLINER = (
    check("05-20-A", "A check", 750, 4),
    check("05-20-C", "C check", 7_500, 24),
    task("12-10-W", "Weekly check", interval_days=8),
    task(
        "27-51-03",
        "Flap track carriages: detailed inspection and rigging check",
        description="Both sides. Record wear at tracks 2 and 3.",
        interval_cycles=1_500,
        interval_months=18,
        required_inspection=True,
        tolerance_cycles=150,
        tolerance_days=30,
    ),
    task(
        "53-10-07",
        "Fuselage lap joints: eddy current inspection",
        threshold_cycles=20_000,
        interval_cycles=6_000,
        interval_months=72,
        airworthiness_limitation=True,
        required_inspection=True,
    ),
)
LIGHT = (
    check("05-20-100", "100 hour inspection", 100, 12),
    task("12-20-01", "Lubrication of flight controls", interval_minutes=200 * HOUR, interval_months=6),
)
ROTOR = (
    check("05-20-300", "300 hour inspection", 300, 12),
    task(
        "62-11-02",
        "Main rotor damper: replacement of elastomeric bearings",
        interval_minutes=1_200 * HOUR,
        interval_months=30,
        airworthiness_limitation=True,
        required_inspection=True,
    ),
)
# By ICAO designator.
TASKS = {
    "A320": (*AIRLINER, *COMMON),
    "B738": (*AIRLINER, *COMMON),
    "AT76": (*AIRLINER, *COMMON),
    "DH8D": (*AIRLINER, *COMMON),
    "C208": (*LIGHT, *COMMON),
    "A139": (*ROTOR, *COMMON),
}


@dataclass(frozen=True)
class Bulletin:
    """A directive for all aircraft of a type: how many days ago it came into force, and its limits."""

    kind: str
    number: str
    title: str
    issuer: str
    designator: str
    days_ago: int
    method: str
    limits: dict[str, Any]


EASA, FAA = "EASA", "FAA"
DIRECTIVES = (
    Bulletin(
        "AD",
        "2026-0611",
        "Landing gear: cracks in the main fitting",
        EASA,
        "A320",
        100,
        "Detailed inspection of the main fitting for cracks; replace before flight when one is found.",
        {"within_days": 90, "interval_months": 12},
    ),
    Bulletin(
        "AD",
        "2025-0387",
        "Slat actuator: corroded torque tubes",
        EASA,
        "A320",
        400,
        "Replace the torque tubes by those of the improved part number.",
        {"within_months": 12},
    ),
    Bulletin(
        "AD",
        "2026-09-14",
        "Horizontal stabiliser: fatigue of the attachment pins",
        FAA,
        "B738",
        60,
        "Ultrasonic inspection of the pins.",
        {"within_cycles": 900, "within_months": 6, "interval_cycles": 3_600},
    ),
    Bulletin(
        "SB",
        "ATR72-32-1180",
        "Nose wheel steering: improved seals",
        "ATR",
        "AT76",
        200,
        "Replace the seals at the next removal of the actuator.",
        {"within_months": 24},
    ),
    Bulletin(
        "AD",
        "2026-0544",
        "Tail gearbox: chip detector",
        EASA,
        "A139",
        30,
        "Test the chip detector, and repeat with every 300 hour inspection.",
        {"within_minutes": 50 * HOUR, "within_days": 60, "interval_minutes": 300 * HOUR},
    ),
)
