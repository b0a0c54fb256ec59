"""Migrations pass on a database with data, there and back, and again after they were killed half-way."""

import asyncio

import asyncpg
import pytest
from alembic import command

from db.migrate import configuration, upgrade
from runtime.servers.postgres import LOGIN
from runtime.servers.throwaway import Throwaway, with_database
from runtime.settings import Settings
from tests import logged
from tests.conftest import Demo

OLD, ONLINE, NAME = "0003", "0007", "migrations"
OURS = "n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
# Everything about a schema that somebody could notice, as lines of text.
SCHEMA = f"""
SELECT 'relation', c.relname::text, concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity,
    array(SELECT a::text FROM unnest(c.relacl) a WHERE a::text NOT LIKE '{LOGIN}=%' ORDER BY 1))
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'column', concat_ws('.', attrelid::regclass, attname), concat_ws(' ', format_type(atttypid, atttypmod),
    attnotnull, pg_get_expr(d.adbin, d.adrelid), array(SELECT unnest(attacl)::text ORDER BY 1))
FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid AND c.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
WHERE attnum > 0 AND NOT attisdropped AND c.relkind <> 'i'
UNION ALL SELECT 'index', indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'constraint', concat_ws('.', conrelid::regclass, conname),
    concat_ws(' ', pg_get_constraintdef(o.oid), convalidated)
FROM pg_constraint o JOIN pg_namespace n ON n.oid = connamespace WHERE {OURS}
UNION ALL SELECT 'policy', concat_ws('.', polrelid::regclass, polname), concat_ws(' ', polcmd, polroles::regrole[],
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy
UNION ALL SELECT 'function', o.oid::regprocedure::text, concat_ws(' ', pg_get_functiondef(o.oid), proowner::regrole,
    array(SELECT unnest(proacl)::text ORDER BY 1))
FROM pg_proc o JOIN pg_namespace n ON n.oid = pronamespace WHERE {OURS}
"""
DATA = "SELECT count(*), (SELECT count(*) FROM users), max(updated_at) FROM aircraft"
FOUND = "SELECT array_agg(search_text ORDER BY registration) FROM aircraft"


class Migrated:
    """A database of its own, at any revision: an empty one, or a copy."""

    def __init__(self, servers: Throwaway, settings: Settings, *copied: str) -> None:
        url = servers.database(NAME, *copied)
        self.settings = settings.model_copy(update={"database_url": url})
        self.admin = with_database(servers.postgres.admin_url, NAME)

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        async def rows() -> list[tuple[object, ...]]:
            connection = await asyncpg.connect(self.admin)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(rows())

    def schema(self) -> set[tuple[object, ...]]:
        return set(self.ask(SCHEMA))


@pytest.fixture
def database(servers: Throwaway, settings: Settings) -> Migrated:
    return Migrated(servers, settings)


def test_there_and_back_with_data(servers: Throwaway, settings: Settings, database: Migrated, demo: Demo) -> None:
    upgrade(database.settings, OLD)
    old = database.schema()
    upgrade(database.settings)
    new = database.schema()
    database = Migrated(servers, settings, demo.database)
    servers.postgres.psql(";\n".join(logged.removal()), NAME)
    data, found = database.ask(DATA), database.ask(FOUND)
    command.downgrade(configuration(database.settings), OLD)
    assert database.schema() ^ old == set()
    assert database.ask(DATA) == data
    upgrade(database.settings)
    assert database.schema() ^ new == set()
    assert (database.ask(DATA), database.ask(FOUND)) == (data, found)


def test_one_that_was_killed_is_repeated(database: Migrated) -> None:
    """What runs outside of a transaction was done, and the revision was not written yet; an index is unfinished."""
    upgrade(database.settings, ONLINE)
    whole = database.schema()
    database.ask("UPDATE alembic_version SET version_num = '0006'")
    database.ask("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_users_search'::regclass")
    database.ask("DROP INDEX ix_aircraft_search")
    upgrade(database.settings, ONLINE)
    assert database.schema() ^ whole == set()
