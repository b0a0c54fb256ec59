"""Components, programmes, directives and what was done, for both organizations, so that every kind of thing is due in
every state. The organizations look at windows of their own, one of which holds no flight."""

import random
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from db.fleet.components import Component, Installation
from db.maintenance.directives import Directive, DirectiveApplicability, DirectiveEntry
from db.maintenance.programme import Accomplishment, AircraftProgramme, Programme, ProgrammeTask, Rebasing

KINDS = {"cmp": 40, "ins": 41, "mp": 42, "mt": 43, "afp": 44, "acc": 45, "dir": 46, "dap": 47, "den": 48}
DAY = date(2025, 12, 31)
Add = Callable[[Any, list[dict[str, Any]]], Awaitable[None]]
Uid = Callable[[str, int], UUID]
Row = dict[str, Any]


async def populate(
    add: Add,
    rng: random.Random,
    org: UUID,
    uid: Uid,
    users: list[UUID],
    aircraft: list[Row],
    moment: Callable[[], datetime],
) -> None:
    """`aircraft` are rows of the organization's aircraft; the first of them follow programmes."""

    def row(prefix: str, n: int, **values: Any) -> Row:
        return {"org_id": org, "id": uid(prefix, n), "created_at": moment(), **values}

    def stamped(prefix: str, n: int, **values: Any) -> Row:
        return row(prefix, n, version=rng.randint(1, 3), updated_at=moment(), **values)

    await add(Component, [_component(rng, stamped, n) for n in range(8)])
    installed = [row for n in range(6) for row in _installations(rng, stamped, n, uid("cmp", n), aircraft)]
    # The rows that others continue come first.
    for number in (1, 2):
        await add(Installation, [each for each in installed if each["number"] == number])
    types = sorted({each["type_id"] for each in aircraft})
    await add(Programme, [_programme(rng, stamped, n, types[n % len(types)]) for n in range(3)])
    await add(ProgrammeTask, [_task(rng, stamped, n, uid("mp", n % 3)) for n in range(15)])
    follows = [(plane["id"], uid("mp", n)) for plane in aircraft[:12] for n in (0, 1) if rng.random() < 0.6]
    await add(
        AircraftProgramme,
        [
            row("afp", n, aircraft_id=plane, programme_id=programme, since=DAY - timedelta(days=n))
            for n, (plane, programme) in enumerate(follows)
        ],
    )
    await add(Accomplishment, _accomplishments(rng, row, uid, users, follows))
    await add(Directive, [_directive(rng, stamped, n, uid) for n in range(6)])
    await add(DirectiveApplicability, [_applies(rng, org, uid, n, types) for n in range(10)])
    await add(DirectiveEntry, [_entry(rng, row, uid, users, n, aircraft) for n in range(14)])


def _component(rng: random.Random, stamped: Callable[..., Row], n: int) -> Row:
    overhauled = n % 3 == 0
    return stamped(
        "cmp",
        n,
        part_number=f"PN-{n % 3}",
        serial_number=f"S{n}",
        description=rng.choice(["Fuel pump", "日本", 'Gear "left"']),
        manufacturer=rng.choice([None, "Maker"]),
        manufactured_on=date(2020, 2, 29) if n % 2 else None,
        opening_minutes=rng.choice([0, 600]),
        opening_cycles=rng.choice([0, 7]),
        overhauled_on=DAY if overhauled else None,
        overhaul_minutes=0 if overhauled else None,
        overhaul_cycles=0 if overhauled else None,
        life_limit_minutes=rng.choice([None, 900]),
        life_limit_cycles=rng.choice([None, 10_000]),
        life_limit_months=rng.choice([None, 120]) if n % 2 else None,
    )


def _installations(
    rng: random.Random, stamped: Callable[..., Row], n: int, component: UUID, aircraft: list[Row]
) -> list[Row]:
    """One or two of a component; every third component is on no aircraft."""
    there = {"component_id": component, "position": f"PLACE {n}", "installed_on": DAY, "aircraft_minutes": 50}
    there |= {"aircraft_cycles": 0, "component_minutes": 600, "component_cycles": 7, "removal_reason": None}
    gone = {"removed_on": DAY, "removed_aircraft_minutes": 50 + n, "removed_aircraft_cycles": n}
    stays = {"removed_on": None, "removed_aircraft_minutes": None, "removed_aircraft_cycles": None}
    begins: Row = {"number": 1, "previous": None, "previous_removed_on": None}
    plane = aircraft[n]["id"]
    if n % 3 == 1:
        return [stamped("ins", 2 * n, aircraft_id=plane, **there, **begins, **stays)]
    first = stamped("ins", 2 * n, aircraft_id=plane, **(there | {"removal_reason": "Leak"}), **begins, **gone)
    if n % 3 == 2:
        return [first]
    then = there | {"component_minutes": 600 + n, "component_cycles": 7 + n, "number": 2, "previous": 1}
    other = rng.choice(aircraft[8:12])["id"]
    return [first, stamped("ins", 2 * n + 1, aircraft_id=other, previous_removed_on=DAY, **then, **stays)]


def _programme(rng: random.Random, stamped: Callable[..., Row], n: int, type_id: UUID) -> Row:
    revision, approval = rng.choice([None, "3"]), rng.choice([None, "DE.CAMO.0001"])
    approved = rng.choice([None, DAY])
    return stamped("mp", n, name=f"P{n}", type_id=type_id, revision=revision, approval=approval, approved_on=approved)


def _task(rng: random.Random, stamped: Callable[..., Row], n: int, programme: UUID) -> Row:
    limitation = n % 5 == 4
    limits = {
        "interval_minutes": rng.choice([None, 60, 6_000]),
        "interval_cycles": rng.choice([None, 100]),
        "interval_days": rng.choice([None, 30, 700]),
        "interval_months": rng.choice([None, 1, 24]),
        "threshold_minutes": rng.choice([None, None, 61]),
        "threshold_cycles": None,
        "threshold_days": rng.choice([None, None, 3_000]),
        "threshold_months": None,
    }
    if not any(limits.values()):
        limits["threshold_months"] = 12
    return stamped(
        "mt",
        n,
        programme_id=programme,
        code=f"{n % 4}-{n}",
        title=rng.choice(["Lubricate", "Inspect", "Zoë"]),
        description=rng.choice([None, "In two\nlines"]),
        part_number=f"PN-{n % 3}" if n % 3 == 1 else None,
        **limits,
        tolerance_minutes=0 if limitation else rng.choice([0, 1]),
        tolerance_cycles=0,
        tolerance_days=0 if limitation else rng.choice([0, 5]),
        rebasing=rng.choice(list(Rebasing)),
        airworthiness_limitation=limitation,
        required_inspection=rng.random() < 0.5,
        withdrawn_on=DAY if n == 14 else None,
    )


def _accomplishments(
    rng: random.Random, row: Callable[..., Row], uid: Uid, users: list[UUID], follows: list[tuple[UUID, UUID]]
) -> list[Row]:
    made: list[Row] = []
    done: set[tuple[UUID, UUID]] = set()
    for n in range(30):
        plane, programme = rng.choice(follows)
        task = rng.choice([uid("mt", t) for t in range(15) if uid("mp", t % 3) == programme])
        component = n % 6 == 5
        about = (uid("cmp", n % 8) if component else plane, task)
        revoked = n % 7 == 6
        made.append(
            row(
                "acc",
                n,
                aircraft_id=plane,
                task_id=task,
                component_id=about[0] if component else None,
                performed_on=DAY - timedelta(days=rng.randint(0, 3)),
                minutes=59,
                cycles=n,
                component_minutes=600 if component else None,
                component_cycles=7 if component else None,
                basis_minutes=rng.choice([59, 60]),
                basis_cycles=n,
                basis_on=DAY,
                is_latest=not revoked and about not in done,
                task_card_id=None,
                recorder_id=rng.choice([None, *users]),
                note=rng.choice([None, "note"]),
                revoked_at=moment_of(DAY) if revoked else None,
                revoker_id=users[0] if revoked else None,
                revocation="Wrong aircraft" if revoked else None,
            )
        )
        if made[-1]["is_latest"]:
            done.add(about)
    return made


def moment_of(day: date) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def _directive(rng: random.Random, stamped: Callable[..., Row], n: int, uid: Uid) -> Row:
    return stamped(
        "dir",
        n,
        kind=rng.choice(["AD", "SB"]),
        number=f"2025-000{n // 2}",
        revision="R1" if n % 2 else None,
        title=rng.choice(["Fan blades", "日本"]),
        issuer=rng.choice(["EASA", "FAA"]),
        effective_on=rng.choice([DAY, date(2026, 1, 5)]),
        method=rng.choice([None, "Inspect.\nReplace."]),
        threshold_minutes=rng.choice([None, 70]),
        threshold_cycles=rng.choice([None, 500]),
        within_minutes=rng.choice([None, 10]),
        within_cycles=rng.choice([None, 0]),
        within_days=rng.choice([None, 90]),
        within_months=rng.choice([None, 24]),
        interval_minutes=rng.choice([None, 100]),
        interval_cycles=None,
        interval_days=None,
        interval_months=rng.choice([None, 12]),
        superseded_by_id=uid("dir", 0) if n == 5 else None,
    )


def _applies(rng: random.Random, org: UUID, uid: Uid, n: int, types: list[UUID]) -> Row:
    return {
        "org_id": org,
        "id": uid("dap", n),
        "directive_id": uid("dir", n % 6),
        "type_id": rng.choice(types),
        "serial_from": rng.choice([None, "1003"]),
        "serial_to": rng.choice([None, "1015", "99"]),
    }


def _entry(
    rng: random.Random, row: Callable[..., Row], uid: Uid, users: list[UUID], n: int, aircraft: list[Row]
) -> Row:
    complied, revoked = n % 4 != 3, n % 5 == 4
    return row(
        "den",
        n,
        aircraft_id=aircraft[n]["id"],
        directive_id=uid("dir", rng.randint(0, 5)),
        decision="COMPLIED" if complied else "NOT_APPLICABLE",
        performed_on=DAY - timedelta(days=rng.randint(0, 2)),
        minutes=rng.choice([0, 59]),
        cycles=1,
        method=rng.choice(["Inspected", "Mod 123"]),
        terminating=complied and rng.random() < 0.3,
        is_latest=not revoked,
        task_card_id=None,
        recorder_id=rng.choice([None, *users]),
        revoked_at=moment_of(DAY) if revoked else None,
        revoker_id=users[0] if revoked else None,
        revocation="Typing error" if revoked else None,
    )
