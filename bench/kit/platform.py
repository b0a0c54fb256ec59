"""The platform as it is deployed (`serve`, and `worker` where asked for), on servers and a database of its own.

Organizations are of the plan LARGE. Their rows are made inside PostgreSQL, a million in a minute; every list is read
under row-level security by somebody who signed in.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from bench.kit.asking import PASSWORD, sign_in
from bench.kit.programs import Program, program
from db.migrate import upgrade
from domain.identity.passwords import HASHER
from runtime import logging
from runtime.paths import PROJECT
from runtime.processes import free_port
from runtime.servers.throwaway import Throwaway, throwaway, with_database
from runtime.settings import Settings

DATABASE = "opsgraph"
TYPES = 12

ORGANIZATION = """
INSERT INTO organizations (id, slug, name, kind, plan, modules) VALUES ($1, $2, $2, 'AMO', 'LARGE', ARRAY['FLEET'])
"""
PEOPLE = """
WITH people AS (
    INSERT INTO users (id, email, name, email_verified_at)
    SELECT uuidv7(), 'person-' || n || '@' || $2 || '.example', 'Person ' || n || ' of ' || $2, now()
    FROM generate_series(0, $3 - 1) n RETURNING id
), known AS (INSERT INTO user_credentials (user_id, password_hash) SELECT id, $4 FROM people)
INSERT INTO memberships (org_id, id, user_id, roles) SELECT $1, uuidv7(), id, ARRAY['OWNER'] FROM people
"""
KINDS = """
INSERT INTO aircraft_types (org_id, id, manufacturer, model, engine_count, category)
SELECT $1, uuidv7(), 'Maker ' || n % 5, 'Model ' || n, 1 + n % 2, 'AEROPLANE' FROM generate_series(1, $2) n
"""
AIRCRAFT = """
WITH kinds AS (SELECT array_agg(id) ids FROM aircraft_types WHERE org_id = $1)
INSERT INTO aircraft (org_id, id, registration, type_id, serial_number, status, manufactured_on, base_airport,
    total_minutes, total_cycles, created_at, updated_at)
SELECT $1, uuidv7(), 'N' || n, ids[1 + n % array_length(ids, 1)], 'SN-' || n,
    (ARRAY['ACTIVE', 'ACTIVE', 'ACTIVE', 'MAINTENANCE', 'STORED'])[1 + n % 5], date '1990-01-01' + n % 12000,
    (ARRAY['EDDF', 'KJFK', 'LSZH', NULL])[1 + n % 4], hashint4(n) & 4194303, hashint4(n) & 65535,
    timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-02-01' + n * interval '1 second'
FROM kinds, generate_series($2::int, $3::int) n
"""
FLIGHTS = """
INSERT INTO utilisation_entries (org_id, id, aircraft_id, kind, flown_on, minutes, cycles, reporter_id, created_at)
SELECT a.org_id, uuidv7(), a.id, 'FLIGHT', date '2026-01-01' + n, 30 + n, 1,
    (SELECT user_id FROM memberships m WHERE m.org_id = $1 LIMIT 1), a.created_at + n * interval '1 day'
FROM aircraft a, generate_series(1, $4) n
WHERE a.org_id = $1 AND a.registration IN (SELECT 'N' || k FROM generate_series($2::int, $3::int) k)
"""
# Made again after many rows came in, which is several times faster than to keep them up to date row by row.
PLAIN_INDEXES = """
SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid IN ('utilisation_entries'::regclass, 'aircraft'::regclass)
AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
"""


@dataclass
class Tenant:
    """An organization, and the token of its owner."""

    id: UUID
    slug: str
    token: str = ""

    def email(self, person: int = 0) -> str:
        return f"person-{person}@{self.slug}.example"


@dataclass
class Place:
    """A migrated database, its organizations, and the programs that run on it."""

    servers: Throwaway
    folder: Path
    stack: ExitStack
    tenants: list[Tenant] = field(default_factory=list)
    aircraft: int = 0

    @property
    def admin_url(self) -> str:
        return with_database(self.servers.postgres.admin_url, DATABASE)

    @property
    def database_pid(self) -> int:
        assert self.servers.postgres.process
        return self.servers.postgres.process.pid

    def load(self, count: int, *, people: int = 1) -> None:
        """Organizations, each with people who are its owners."""
        asyncio.run(_organizations(self, count, people))

    def grow(self, aircraft: int, *, flights: int) -> None:
        """Let there be so many aircraft in all, each of the new ones with so many flights."""
        asyncio.run(_aircraft(self, aircraft, flights))
        self.aircraft = aircraft

    def environment(self, port: int, **more: str) -> dict[str, str]:
        return {
            "DATABASE_URL": with_database(self.servers.postgres.url, DATABASE),
            "REDIS_URL": self.servers.valkey.url,
            "DATA_DIR": str(self.servers.folder / "data"),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "RATE_LIMIT_FACTOR": "100000",
            "LOG_LEVEL": "WARNING",
        } | more

    def settings(self, secret_key: str = "") -> Settings:
        """Settings for what is looked at from here."""
        return Settings(
            _env_file=None,
            database_url=with_database(self.servers.postgres.url, DATABASE),
            redis_url=self.servers.valkey.url,
            secret_key=SecretStr(secret_key),
        )

    def serve(self, **settings: str) -> Program:
        """`opsgraph serve`, and everybody signed in."""
        port = free_port()
        command = [sys.executable, "-P", "-m", "runtime.cli", "serve", "--port", str(port)]
        log = self.folder / "serve.log"
        running = self.stack.enter_context(
            program("serve", command, port, log, path="/health", cwd=PROJECT, **self.environment(port, **settings))
        )
        self.renew(port)
        return running

    def renew(self, port: int) -> None:
        """Sign in again: tokens last 20 minutes."""
        for tenant in self.tenants:
            tenant.token = sign_in(port, tenant.email(), tenant.slug)


@contextmanager
def platform() -> Iterator[Place]:
    """A migrated, empty database. To be entered in the main thread."""
    logging.configure("WARNING")
    with throwaway() as servers, ExitStack() as stack:
        folder = servers.folder / "bench"
        folder.mkdir()
        upgrade(Settings(_env_file=None, database_url=with_database(servers.postgres.url, DATABASE)))
        yield Place(servers, folder, stack)


async def _organizations(place: Place, count: int, people: int) -> None:
    connection = await asyncpg.connect(place.admin_url)
    password = HASHER.hash(PASSWORD)
    try:
        for number in range(count):
            tenant = Tenant(UUID(int=0xB000 + number), f"bench-{number:02d}")
            await connection.execute(ORGANIZATION, tenant.id, tenant.slug)
            await connection.execute(PEOPLE, tenant.id, tenant.slug, people, password)
            await connection.execute(KINDS, tenant.id, TYPES)
            place.tenants.append(tenant)
    finally:
        await connection.close()


async def _aircraft(place: Place, aircraft: int, flights: int) -> None:
    """Foreign keys hold by construction and are not checked row by row."""
    connection = await asyncpg.connect(place.admin_url, command_timeout=900)
    count = len(place.tenants)
    try:
        await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'")
        indexes = await connection.fetch(PLAIN_INDEXES)
        for index in indexes:
            await connection.execute(f'DROP INDEX "{index["name"]}"')
        for tenant in place.tenants:
            bounds = (place.aircraft // count + 1, aircraft // count)
            await connection.execute(AIRCRAFT, tenant.id, *bounds)
            await connection.execute(FLIGHTS, tenant.id, *bounds, flights)
        for index in indexes:
            await connection.execute(index["definition"])
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
