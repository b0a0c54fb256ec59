"""The data set: 20 organizations, 5,000 aircraft, 50,000 parents and 300,000 children, the same at every run.

Parents are flights in the utilisation log (ten an aircraft), children are the corrections that name them (six a
flight): real tables with all their columns, checks and indexes. Four organizations are large (700 aircraft each) and
are the ones that sign in; the other sixteen share the rest.
"""

import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from bench.kit.asking import PASSWORD
from db.fleet.aircraft import AircraftStatus
from db.fleet.aircraft_types import AircraftCategory
from domain.identity.passwords import HASHER

ORGANIZATIONS, SIGNED_IN = 20, 4
LARGE, AIRCRAFT = 700, 5_000
FLIGHTS, CORRECTIONS = 10, 6
PEOPLE, TYPES = 25, 12
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH_MILLIS = int(EPOCH.timestamp() * 1000)
NOTES = (
    None,
    None,
    "Block time by the journey log",
    "Führerschein-Flug, „Ersatz“",
    "cycles \\ counted\ttwice",
    "再計算",
)
MODELS = ("A320-214", "737-800", "172S", "ATR 72-600", "PC-12/47E", "DHC-6-400", "EC135 T3", "CL-600-2B16",
          "EMB-145", "208B", "King Air B350", "Falcon 2000")  # fmt: skip


@dataclass(frozen=True)
class Tenant:
    """One organization: who signs in, and the rows that requests will name, in the order of the lists."""

    id: UUID
    slug: str
    email: str
    aircraft: tuple[tuple[str, UUID], ...]
    flights: tuple[tuple[datetime, UUID], ...]


Record = tuple[Any, ...]


class Generator:
    """Makes the rows of all tables, from a fixed seed."""

    def __init__(self) -> None:
        self.random = random.Random(2)
        self.made = 0
        self.tables: dict[str, list[Record]] = {
            name: []
            for name in (
                "organizations",
                "users",
                "user_credentials",
                "memberships",
                "aircraft_types",
                "aircraft",
                "utilisation_entries",
            )
        }
        self.password = HASHER.hash(PASSWORD)

    def id(self) -> UUID:
        """A version 7 id: its time grows with every row, the rest is random."""
        self.made += 1
        millis = EPOCH_MILLIS + self.made
        noise = self.random.getrandbits(74)
        return UUID(int=millis << 80 | 7 << 76 | (noise >> 62) << 64 | 2 << 62 | noise & (2**62 - 1))

    def organization(self, number: int, size: int) -> Tenant:
        org, slug = self.id(), f"bench-{number:02d}"
        stamps = (1, EPOCH, EPOCH)
        self.tables["organizations"].append((org, slug, f"Bench {number}", "AMO", ["FLEET"], *stamps))
        people = [self.id() for _ in range(PEOPLE)]
        for place, person in enumerate(people):
            email = f"person-{place}@{slug}.example"
            self.tables["users"].append((person, email, f"Person {place} of {slug}", EPOCH, *stamps))
            role = "OWNER" if place == 0 else "MEMBER"
            self.tables["memberships"].append((org, self.id(), person, [role], *stamps))
        self.tables["user_credentials"].append((people[0], self.password))
        types = [self.id() for _ in range(TYPES)]
        for place, kind in enumerate(types):
            category = AircraftCategory.HELICOPTER if MODELS[place].startswith("EC") else AircraftCategory.AEROPLANE
            row = (org, kind, f"Maker {place % 5}", MODELS[place], f"T{place:03d}", f"Holder {place}", 1 + place % 2)
            self.tables["aircraft_types"].append((*row, category, *stamps))
        aircraft = [self.aircraft(org, number, place, types) for place in range(size)]
        flights = self.flights(org, [each for _, each in aircraft], people)
        return Tenant(org, slug, f"person-0@{slug}.example", tuple(sorted(aircraft)), tuple(flights))

    def aircraft(self, org: UUID, number: int, place: int, types: list[UUID]) -> tuple[str, UUID]:
        pick, made = self.random, self.id()
        registration = f"{pick.choice(('N', 'D-', 'G-', 'HB-'))}{number:02d}{place:04d}"
        row = (
            org,
            made,
            registration,
            pick.choice(types),
            f"SN-{number:02d}-{place:05d}",
            pick.choice(list(AircraftStatus)),
            None if place % 9 == 0 else date(1990 + place % 35, 1 + place % 12, 1 + place % 28),
            pick.choice((None, "EDDF", "KJFK", "LSZH", "RJTT")),
            pick.randrange(4_000_000),
            pick.randrange(60_000),
            1 + place % 4,
            EPOCH + timedelta(seconds=place),
            EPOCH + timedelta(days=9, seconds=place),
        )
        self.tables["aircraft"].append(row)
        return registration, made

    def flights(self, org: UUID, aircraft: list[UUID], people: list[UUID]) -> list[tuple[datetime, UUID]]:
        pick, rows = self.random, self.tables["utilisation_entries"]
        flown = [(plane, self.id()) for _ in range(FLIGHTS) for plane in aircraft]
        for place, (plane, made) in enumerate(flown):
            day = date(2026, 1, 1) + timedelta(days=place // len(aircraft))
            row: Record = ("FLIGHT", day, pick.randrange(30, 600), 1, pick.choice(people), None, pick.choice(NOTES))
            rows.append((org, made, plane, *row, EPOCH + timedelta(seconds=place)))
        for correction in range(CORRECTIONS):
            for place, (plane, made) in enumerate(flown):
                day = date(2026, 2, 1) + timedelta(days=correction)
                minutes = pick.choice((-3, -2, -1, 1, 2, 3))
                row = ("CORRECTION", day, minutes, 0, pick.choice(people), made, pick.choice(NOTES))
                created = EPOCH + timedelta(days=30 + correction, seconds=place)
                rows.append((org, self.id(), plane, *row, created))
        return [(EPOCH + timedelta(seconds=place), made) for place, (_, made) in enumerate(flown)]


COLUMNS = {
    "organizations": "id slug name kind modules version created_at updated_at",
    "users": "id email name email_verified_at version created_at updated_at",
    "user_credentials": "user_id password_hash",
    "memberships": "org_id id user_id roles version created_at updated_at",
    "aircraft_types": "org_id id manufacturer model icao_designator type_certificate_holder engine_count category"
    " version created_at updated_at",
    "aircraft": "org_id id registration type_id serial_number status manufactured_on base_airport total_minutes"
    " total_cycles version created_at updated_at",
    "utilisation_entries": "org_id id aircraft_id kind flown_on minutes cycles reporter_id corrects_id note created_at",
}

# Made again after the copy, which is several times faster than to keep them up to date row by row.
PLAIN_INDEXES = """
SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'utilisation_entries'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
"""


def sizes() -> Iterator[int]:
    """How many aircraft each organization has."""
    yield from [LARGE] * SIGNED_IN
    rest, small = AIRCRAFT - LARGE * SIGNED_IN, ORGANIZATIONS - SIGNED_IN
    yield from (rest // small + (place < rest % small) for place in range(small))


async def load(admin_url: str) -> list[Tenant]:
    """Fill a migrated database; returns the organizations that will sign in. Foreign keys hold by construction and
    are not checked row by row."""
    generator = Generator()
    gc.disable()  # millions of objects that all stay
    tenants = [generator.organization(number, size) for number, size in enumerate(sizes())]
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(PLAIN_INDEXES)
        for index in indexes:
            await connection.execute(f'DROP INDEX "{index["name"]}"')
        for table, rows in generator.tables.items():
            await connection.copy_records_to_table(table, records=rows, columns=COLUMNS[table].split())
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute("VACUUM ANALYZE")
        counted = await connection.fetchrow(
            "SELECT count(*) FILTER (WHERE kind = 'FLIGHT') parents, count(*) FILTER (WHERE kind = 'CORRECTION') "
            "children, (SELECT count(*) FROM aircraft) aircraft FROM utilisation_entries"
        )
        assert counted
        assert tuple(counted) == (AIRCRAFT * FLIGHTS, AIRCRAFT * FLIGHTS * CORRECTIONS, AIRCRAFT)
    finally:
        gc.enable()
        await connection.close()
    return tenants[:SIGNED_IN]
