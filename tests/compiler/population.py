"""A small, awkward population of two organizations: ties, nulls, empty lists, a person in both."""

import random
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.collaboration.feed import FeedMessage, FeedPosition
from db.collaboration.notifications import Notification, NotificationKind, NotificationMail, NotificationPreference
from db.collaboration.presence import Presence, PresenceState
from db.events.archives import EventArchive
from db.events.log import EventLog
from db.fleet.aircraft import Aircraft, AircraftStatus
from db.fleet.aircraft_types import AircraftCategory, AircraftType
from db.fleet.utilisation import UtilisationEntry
from db.identity.departments import Department, DepartmentMembership, DepartmentRole
from db.identity.memberships import Membership
from db.identity.organizations import Organization
from db.identity.roles import Role
from db.identity.sessions import Session
from db.identity.users import User
from tests.compiler import population_maintenance, population_quality, population_workforce

ORGS = (UUID(int=0xA001), UUID(int=0xA002))
NAMES = ["Ada", "Bø", "Chen", "ada", "Zoë", 'Quote " and \\ slash', "Tab\there", "日本"]
START = datetime(2026, 1, 31, 12, 0, 0, 120_000, tzinfo=UTC)


def uid(org: int, kind: int, number: int) -> UUID:
    return UUID(int=(org << 64) | (kind << 32) | number)


def moment(rng: random.Random) -> datetime:
    return START + timedelta(hours=rng.randint(0, 40), microseconds=rng.choice([0, 5, 120_000, 999_999]))


def stamped(rng: random.Random) -> dict[str, Any]:
    return {"version": rng.randint(1, 3), "created_at": moment(rng), "updated_at": moment(rng)}


async def populate(engine: AsyncEngine) -> None:
    """Inserts as the owner of the database, past commands and policies: this is data to read, not to trust."""
    from tests.compiler.population_releases import releases  # they build on this module
    from tests.compiler.population_work import work

    rng = random.Random(7)
    async with engine.begin() as connection:
        await _add(connection, User, [_user(rng, number) for number in range(14)])
        for index, org in enumerate(ORGS):
            await _identity(connection, rng, org, index)
            aircraft = await _fleet(connection, rng, org, index)
            chance = random.Random(10 + index)
            await population_maintenance.populate(
                partial(_add, connection),
                chance,
                org,
                lambda prefix, n, index=index: uid(index, population_maintenance.KINDS[prefix], n),
                [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)],
                aircraft,
                partial(moment, chance),
            )
            own = random.Random(index)
            await population_workforce.populate(
                partial(_add, connection),
                own,
                org,
                lambda prefix, n, index=index: uid(index, population_workforce.KINDS[prefix], n),
                [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)],
                [uid(index, 6, n) for n in range(3)],
                partial(moment, own),
            )
            await work(connection, org, index)
            await releases(connection, org, index)
            await _collaboration(connection, rng, org, index)
            await _events(connection, rng, org, index)
            await _notifications(connection, rng, org, index)
            await population_quality.populate(partial(_add, connection), rng, uid, stamped, org, index)


async def _add(connection: AsyncConnection, model: Any, rows: list[dict[str, Any]]) -> None:
    await connection.execute(sa.insert(model.__table__), rows)


def _user(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": uid(0, 1, number),
        "email": f"person{number}@example.com",
        "name": rng.choice(NAMES),
        "email_verified_at": rng.choice([None, START]),
        **stamped(rng),
    }


async def _identity(connection: AsyncConnection, rng: random.Random, org: UUID, index: int) -> None:
    organization = {"id": org, "slug": f"org-{index}", "name": f"Organization {index}", "kind": "AMO"}
    await _add(
        connection,
        Organization,
        [
            {
                **organization,
                "modules": [],
                "time_zone": ["Europe/Berlin", "America/St_Johns"][index],
                "event_retention_months": [None, 24][index],
                "utilisation_window_days": [90, 730][index],
                **stamped(rng),
            }
        ],
    )
    users = [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)]  # two of them in both
    members = [
        {"id": uid(index, 2, n), "org_id": org, "user_id": user, "roles": rng.choice([[], ["VIEWER"], ["A", "B"]])}
        for n, user in enumerate(users)
    ]
    await _add(connection, Membership, [{**member, **stamped(rng)} for member in members])
    departments = [{"id": uid(index, 3, n), "org_id": org, "name": f"Department {n}"} for n in range(4)]
    await _add(connection, Department, [{**department, **stamped(rng)} for department in departments])
    places = [
        {
            "id": uid(index, 4, n),
            "org_id": org,
            "department_id": rng.choice(departments[:3])["id"],
            "user_id": user,
            "role": rng.choice(list(DepartmentRole)),
            "created_at": moment(rng),
        }
        for n, user in enumerate(users)
    ]
    await _add(connection, DepartmentMembership, places)
    roles = [
        {
            "id": uid(index, 5, n),
            "org_id": org,
            "key": f"CUSTOM_{n}",
            "name": f"R{n}",
            "permissions": ["FLEET_READ"][:n],
        }
        for n in range(3)
    ]
    await _add(connection, Role, [{**role, **stamped(rng)} for role in roles])
    sessions = [
        {
            "id": uid(index, 10, n),
            "user_id": uid(0, 1, 6),
            "current_org_id": org,
            "device_id": rng.choice(["", "phone"]),
            "created_at": moment(rng),
            "last_used_at": START,
            "ended_at": rng.choice([None, START + timedelta(days=2)]),
        }
        for n in range(4)
    ]
    await _add(connection, Session, [{**each, "end_reason": each["ended_at"] and "SIGNED_OUT"} for each in sessions])


async def _fleet(connection: AsyncConnection, rng: random.Random, org: UUID, index: int) -> list[dict[str, Any]]:
    types = [
        {
            "id": uid(index, 6, n),
            "org_id": org,
            "manufacturer": rng.choice(["Airbus", "ATR"]),
            "model": f"M{n}",
            "icao_designator": rng.choice([None, "A320", "AT76"]),
            "engine_count": rng.choice([None, 1, 2]),
            "category": rng.choice(list(AircraftCategory)),
            **stamped(rng),
        }
        for n in range(5)
    ]
    await _add(connection, AircraftType, types)
    aircraft = [
        {
            "id": uid(index, 7, n),
            "org_id": org,
            "registration": f"D-A{n % 26:02}{chr(65 + n % 3)}",
            "type_id": rng.choice(types[:4])["id"],
            "serial_number": str(1000 + n),
            "status": rng.choice(list(AircraftStatus)),
            "manufactured_on": rng.choice([None, date(2020, 2, 29), date(2015, 12, 31)]),
            "base_airport": rng.choice([None, "EDDF"]),
            "total_minutes": rng.choice([0, 59, 60, 61, 754_321]),
            "total_cycles": rng.choice([0, 1, 400]),
            **stamped(rng),
        }
        for n in range(25)
    ]
    await _add(connection, Aircraft, aircraft)
    entries = [_entry(rng, org, index, n, aircraft) for n in range(80)]
    await _add(connection, UtilisationEntry, entries)
    return aircraft


def _entry(rng: random.Random, org: UUID, index: int, n: int, aircraft: list[dict[str, Any]]) -> dict[str, Any]:
    corrects = n >= 60
    return {
        "id": uid(index, 8, n),
        "org_id": org,
        "aircraft_id": aircraft[n % 20 % 7]["id"],
        "kind": "CORRECTION" if corrects else "FLIGHT",
        "flown_on": date(2026, 1, 1) + timedelta(days=rng.randint(0, 9)),
        "minutes": rng.choice([30, 61, 90]),
        "cycles": rng.choice([1, 2]),
        "reporter_id": rng.choice([None, uid(0, 1, index * 6 + rng.randint(0, 7))]),
        "corrects_id": uid(index, 8, n - 60) if corrects else None,
        "note": rng.choice([None, 'said "so"', "wind\nshear"]),
        "created_at": moment(rng),
    }


async def _collaboration(connection: AsyncConnection, rng: random.Random, org: UUID, index: int) -> None:
    """Messages in the organization's channel and in three of four departments, edited and deleted ones among them;
    people who have read some, all, or nothing; presences of half the people."""
    users = [uid(0, 1, number) for number in range(index * 6, index * 6 + 8)]
    places = [None, *(uid(index, 3, n) for n in range(3))]
    messages = [
        {
            "id": uid(index, 13, n),
            "org_id": org,
            "department_id": places[n % 4],
            "number": n // 4 + 1,
            "author_id": rng.choice([None, *users]),
            "text": None if n % 7 == 0 else rng.choice(NAMES),
            "edited_at": rng.choice([None, START]),
            "deleted_at": START if n % 7 == 0 else None,
            **stamped(rng),
        }
        for n in range(30)
    ]
    await _add(connection, FeedMessage, messages)
    read = [
        {"org_id": org, "user_id": user, "department_id": place, "number": rng.randint(0, 8)}
        for user in users[::2]
        for place in places[:3]
    ]
    await _add(connection, FeedPosition, read)
    presences = [
        {
            "id": uid(index, 14, n),
            "org_id": org,
            "user_id": user,
            "state": rng.choice(list(PresenceState)),
            "since": moment(rng),
        }
        for n, user in enumerate(users[::2])
    ]
    await _add(connection, Presence, presences)


async def _events(connection: AsyncConnection, rng: random.Random, org: UUID, index: int) -> None:
    """Events on every type of thing, on things that are gone, and (which no command would write) on another
    organization's; by people of the organization, by strangers, superusers and the platform."""
    person, stranger = uid(0, 1, index * 6), uid(0, 1, 13 - index * 13)
    rows = [
        {
            "org_id": org,
            "seq": n + 1,
            "recorded_at": START + timedelta(seconds=n),
            "id": uid(index, 9, n),
            "actor_id": rng.choice([None, person, person, stranger]),
            "impersonator_id": None,
            "type": rng.choice(["aircraft.created", "aircraft.updated"]),
            "target_type": target_type,
            "target_id": target_id,
            "before": rng.choice([None, {"status": "ACTIVE"}]),
            "after": {"status": "STORED", "nested": [1, {"x": None}]},
            "occurred_at": moment(rng),
            "previous_hash": "0" * 64,
            "hash": "1" * 64,
        }
        for n, (target_type, target_id) in enumerate(_targets(org, index))
    ]
    for row in rows[::5]:
        row["actor_id"] = row["impersonator_id"] = stranger
    await _add(connection, EventLog, rows)
    archives = [
        {
            "id": uid(index, 11, n),
            "org_id": org,
            "from_seq": n * 10 + 1,
            "to_seq": n * 10 + 10,
            "previous_hash": "0" * 64,
            "last_hash": "2" * 64,
            "count": 10,
            "digest": "3" * 64,
            "archived_at": START + timedelta(days=n // 2),
            "hash": "4" * 64,
        }
        for n in range(5)
    ]
    await _add(connection, EventArchive, archives)


async def _notifications(connection: AsyncConnection, rng: random.Random, org: UUID, index: int) -> None:
    """For two people of the organization, one of whom is in both: read, unread, by mail only, about what is gone."""
    kinds, targets = list(NotificationKind), _targets(org, index)
    rows = [
        {
            "id": uid(index, 11, 2 * n + place),
            "org_id": org,
            "user_id": uid(0, 1, person),
            "event_id": uid(index, 9, n),
            "sequence": n + 1,
            "kind": kinds[n % len(kinds)],
            "text": rng.choice(['Ada set "D-A00A" to STORED.', "日本", "a\nb"]),
            "target_type": target_type,
            "target_id": target_id,
            "actor_id": rng.choice([None, uid(0, 1, 6), uid(0, 1, 13 - index * 13)]),
            "in_app": rng.choice([True, True, True, False]),
            "occurred_at": moment(rng),
            "created_at": moment(rng),
            "read_at": rng.choice([None, moment(rng)]),
        }
        for n, (target_type, target_id) in enumerate(targets)
        for place, person in enumerate((6, 7))
    ]
    await _add(connection, Notification, rows)
    await _add(connection, NotificationMail, [{"id": row["id"], "org_id": org} for row in rows[::3]])
    said = [("SECURITY", "MAIL", False), ("FEED_MESSAGE", "MAIL", True), ("MEMBERSHIP", "IN_APP", False)]
    preferences = [
        {
            "id": uid(index, 12, n),
            "org_id": org,
            "user_id": uid(0, 1, 6),
            "kind": kind,
            "channel": to,
            "enabled": enabled,
        }
        for n, (kind, to, enabled) in enumerate(said)
    ]
    await _add(connection, NotificationPreference, preferences)


def _targets(org: UUID, index: int) -> list[tuple[str, UUID]]:
    kinds = {"mem": 2, "dep": 3, "dpm": 4, "rol": 5, "at": 6, "ac": 7, "ut": 8, "ev": 9, "ses": 10, "ea": 11}
    kinds |= (
        {"fm": 13, "prs": 14} | population_workforce.KINDS | population_maintenance.KINDS | population_quality.KINDS
    )
    kinds |= {"wo": 60, "tc": 61, "so": 62, "df": 63, "dl": 64}
    kinds |= {"crs": 65, "rvk": 66, "ns": 67, "sk": 68}
    own = [(prefix, uid(index, kind, n)) for prefix, kind in kinds.items() for n in range(2)]
    people = [("usr", uid(0, 1, n)) for n in (index * 6, 13 - index * 13)]
    gone = [("ac", uid(index, 7, 999)), ("xx", uid(index, 7, 0)), ("", uid(index, 7, 0))]
    foreign = [("ac", uid(1 - index, 7, 0)), ("dep", uid(1 - index, 3, 0)), ("org", ORGS[1 - index])]
    return [*own, *people, ("vwr", uid(0, 1, 6)), ("org", org), *gone, *foreign]
