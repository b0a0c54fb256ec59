"""Search finds what it should by its index, under row-level security, and tells nothing it should not."""

import random
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from db.events.connection import Connection
from db.rls import APP_ROLE, SEARCH_ROLE
from domain.permissions import Permission
from graph.compiler.filters import MAX_SEARCH
from graph.compiler.projection import column, projection
from graph.context import Platform
from graph.schema import build_schema
from runtime.servers.throwaway import Throwaway, with_database
from runtime.settings import Settings
from tests.compiler.conftest import ALL, World, actor
from tests.compiler.population import ORGS, uid
from tests.compiler.values import folded, words

LARGE, SMALL = ORGS
SIZES = {LARGE: 20_000, SMALL: 40}
FILL = """
INSERT INTO organizations (id, slug, name, kind) VALUES ('{org}', 'org-{n}', 'Organization', 'AMO');
INSERT INTO aircraft_types (org_id, id, manufacturer, model, category)
    VALUES ('{org}', '{org}', 'Embraer', 'E-Jet 190 "São José"', 'AEROPLANE');
INSERT INTO aircraft (org_id, id, registration, type_id, serial_number)
    SELECT '{org}', gen_random_uuid(), 'D-' || upper(to_hex(1048576 + i * 37)), '{org}', 'SN' || (i * 7919 % 100003)
    FROM generate_series(1, {size}) i;
INSERT INTO users (id, email, name)
    SELECT ('{prefix}' || to_char(i, 'FM000000000000'))::uuid,
        'p{n}-' || i || '@line.example', 'José Ø' || to_hex(i * 7919)
    FROM generate_series(1, {size}) i;
INSERT INTO memberships (org_id, id, user_id)
    SELECT '{org}', u.id, u.id FROM users u WHERE u.email LIKE 'p{n}-%';
"""


@pytest.fixture(scope="module")
async def filled(servers: Throwaway, settings: Settings, template: str) -> AsyncIterator[Platform]:
    """A large tenant and a small one."""
    url = servers.database("search", template)
    connection = await asyncpg.connect(with_database(servers.postgres.admin_url, "search"))
    await connection.execute("SET session_replication_role = replica")  # keys hold by construction: quicker unchecked
    for n, (org, size) in enumerate(SIZES.items()):
        await connection.execute(FILL.format(org=org, n=n, size=size, prefix=f"00000000-0000-0000-000{n}-"))
    await connection.execute("VACUUM ANALYZE organizations, aircraft_types, aircraft, users, memberships")
    await connection.close()
    platform = Platform(settings.model_copy(update={"database_url": url}))
    yield platform
    await platform.close()


async def scans(connection: Connection) -> dict[str, int]:
    """How often this transaction has scanned each table and index so far."""
    rows = await connection.fetch(
        "SELECT c.relname, pg_stat_get_xact_numscans(c.oid) AS n FROM pg_class c"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')"
    )
    return {row["relname"]: row["n"] for row in rows}


@pytest.mark.parametrize("org", [LARGE, SMALL], ids=["large", "small"])
@pytest.mark.parametrize(
    ("document", "table"),
    [
        ("{ aircraftList(where: {search: %s}) { totalCount nodes { registration } } }", "aircraft"),
        ("{ aircraftList(where: {search: %s}, orderBy: [{status: DESC}]) { nodes { id } } }", "aircraft"),
        ("{ users(where: {search: %s}) { totalCount nodes { name } } }", "users"),
    ],
)
async def test_search_uses_its_index(filled: Platform, org: UUID, document: str, table: str) -> None:
    """Counted by PostgreSQL itself while the compiled statement runs as the app role, planned once for all values."""
    engine, who = filled.engine, actor(org)
    prepared = engine.preparer.prepare(document % ('"1000c6 sn"' if table == "aircraft" else '"1eef"'), None)
    plan = engine.planner.query(prepared, engine.preparer.coerce(prepared, {}), who)
    settings = {"role": APP_ROLE, "plan_cache_mode": "force_generic_plan", "enable_sort": "on"}
    connection = await asyncpg.connect(filled.settings.database_url, server_settings=settings)
    try:
        await connection.execute("SELECT set_config('app.org_id', $1, false)", str(org))
        async with connection.transaction():
            before = await scans(connection)
            await connection.fetch(plan.sql, *plan.arguments({}, who))
            after = await scans(connection)
    finally:
        await connection.close()
    used = {name for name, count in after.items() if count > before[name]}
    assert table not in used, "the table was read from end to end"
    # The people of a small organization are found by its memberships, which is better still.
    assert f"ix_{table}_search" in used or (table, org) == ("users", SMALL), used


async def found(platform: Platform, text: str, org: UUID = SMALL, root: str = "aircraftTypes") -> int:
    engine = platform.engine
    prepared = engine.preparer.prepare(
        f"query ($text: String) {{ found: {root}(where: {{search: $text}}) {{ totalCount }} }}", None
    )
    variables = engine.preparer.coerce(prepared, {"text": text})
    plan = engine.planner.query(prepared, variables, actor(org))
    row = await platform.reads.fetchrow(plan.sql, plan.arguments(variables.coerced, actor(org)), actor(org).scope)
    return int(orjson.loads(row[0])["totalCount"])


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("embraer", True),
        ("EMB", True),
        ("mbrae", True),
        ("embraer 190", True),
        ("190 embraer", True),
        ("ejet", True),
        ("e-jet", True),
        ("e jet", True),
        ("sao jose", True),
        ("São José", True),
        ("sa\u0303o", True),
        ("SAOJOSE", True),
        ("", True),
        (" -- ", True),
        ("%", True),
        ("190ejet", False),
        ("embraer 195", False),
        ("embraerejet", False),
        ("xyz", False),
    ],
)
async def test_what_a_search_finds(filled: Platform, text: str, finds: bool) -> None:
    assert await found(filled, text) == int(finds)


async def test_nothing_is_lost_where_much_is_found(filled: Platform) -> None:
    assert await found(filled, "d", LARGE, "aircraftList") == SIZES[LARGE]
    assert await found(filled, "d", SMALL, "aircraftList") == SIZES[SMALL]
    assert await found(filled, "jose o", SMALL, "users") == SIZES[SMALL]
    assert await found(filled, "p0", SMALL, "users") == 0


async def test_folding_is_the_same_in_sql_and_in_python(world: World) -> None:
    connection = await asyncpg.connect(world.platform.settings.database_url)
    rng = random.Random(3)
    alphabet = "aZ09 -_.%\\'\"|@/ éÉñßæØøłŁçÅ日本ﬁ½\u0301\u00a0"
    try:
        for text in ["".join(rng.choices(alphabet, k=8)) for _ in range(300)]:
            assert await connection.fetchval("SELECT search_fold($1)", text) == folded(text), ascii(text)
            patterns = await connection.fetchval("SELECT search_words($1)", text)
            assert {each[1:-1] for each in patterns} == set(words(text)), ascii(text)
            assert [len(each) for each in patterns] == sorted(map(len, patterns), reverse=True)
    finally:
        await connection.close()


async def people(world: World, text: str, permissions: frozenset[str]) -> Any:
    document = "query ($t: String) { users(first: 50, where: {search: $t}) { nodes { name } totalCount } }"
    return await world.ask(document, {"t": text}, actor(permissions=permissions))


async def test_a_field_that_the_actor_may_not_read_is_not_searched(world: World) -> None:
    everyone = await people(world, "example.com", ALL)
    assert everyone["data"]["users"]["totalCount"] == 8
    without = ALL - {Permission.MEMBER_READ.value}
    assert (await people(world, "example.com", without))["data"]["users"]["totalCount"] == 0
    by_name = await people(world, "ada", without)
    assert {each["name"].lower() for each in by_name["data"]["users"]["nodes"]} == {"ada"}
    # Through an edge the type's own permission is asked for as well.
    document = '{ utilisationEntries(where: {aircraft: {type: {search: "a"}}}) { totalCount } }'
    answer = await world.ask(document, who=actor(permissions=ALL - {Permission.FLEET_READ.value}))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_search_is_a_condition_like_others(world: World) -> None:
    document = """{ a: aircraftList(where: {or: [{search: "d-a00"}, {type: {search: "atr"}}]}) { totalCount }
        b: aircraftList(where: {not: {search: "da0"}}) { totalCount }
        c: aircraftList(where: {search: "da0"}) { totalCount }
        d: aircraftList { totalCount } e: aircraftList(where: {search: null}) { totalCount } }"""
    counts = {key: each["totalCount"] for key, each in (await world.data(document)).items()}
    assert counts["b"] + counts["c"] == counts["d"] == counts["e"]
    assert 0 < counts["c"] < counts["d"]


@pytest.mark.parametrize("text", ["x" * (MAX_SEARCH + 1), "a\x00b"])
async def test_an_impossible_search_is_refused(world: World, text: str) -> None:
    assert (await people(world, text, ALL))["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_functions_are_narrow(world: World) -> None:
    """They are what the projections declare, belong to a role that nobody acts as, and ask for no organization."""
    async with world.owner.connect() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT p.proname, r.rolname, p.prosecdef, p.proconfig, pg_get_function_arguments(p.oid),"
            " has_function_privilege('public', p.oid, 'EXECUTE')"
            " FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner"
            " WHERE p.proname LIKE 'search\\_%%' AND p.proretset"
        )
        functions = {row[0]: tuple(row)[1:] for row in rows}
        granted = await connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.column_privileges"
            f" WHERE grantee = '{SEARCH_ROLE}' AND privilege_type = 'SELECT'"
        )
        columns: dict[str, set[str]] = {}
        for table, name in granted:
            columns.setdefault(table, set()).add(name)
        generated = await connection.exec_driver_sql(
            "SELECT table_name, generation_expression FROM information_schema.columns WHERE column_name = 'search_text'"
        )
        texts = {row[0]: row[1] for row in generated}
        role = await connection.exec_driver_sql(
            f"SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = '{SEARCH_ROLE}'"
        )
        assert tuple(role.one()) == (False, False, False)
    declared = {item.table: item for item in build_schema().registry.by_name.values() if item.searched}
    assert set(functions) == {f"search_{table}" for table in declared}
    for owner, definer, config, arguments, public in functions.values():
        assert (owner, definer, public, arguments) == (SEARCH_ROLE, True, False, "fields text[], query text")
        assert "search_path=pg_catalog, public, pg_temp" in config
    for table, item in declared.items():
        tenant = {"org_id"} if item.is_tenant else set()
        assert columns.pop(table) == {"search_text", "id"} | tenant, table
        folded_columns = re.findall(r"search_fold\((\w+)\)", texts.pop(table))
        assert set(folded_columns) == {found.column for found in item.searched}, table
    assert columns == {"memberships": {"org_id", "user_id"}}
    assert texts == {}


async def test_without_an_organization_nothing_is_found(world: World) -> None:
    connection = await asyncpg.connect(world.platform.settings.database_url, server_settings={"role": APP_ROLE})
    try:
        for table in ("aircraft", "aircraft_types", "users"):
            for text in ("", "a"):
                assert await connection.fetch(f"SELECT search_{table}(ARRAY['name', 'registration'], $1)", text) == []
        await connection.execute("SELECT set_config('app.user_id', $1, false)", str(uid(0, 1, 3)))
        mine = await connection.fetch("SELECT search_users(ARRAY['email'], 'person')")
        assert [row[0] for row in mine] == [uid(0, 1, 3)]
    finally:
        await connection.close()


def test_only_texts_can_be_searched() -> None:
    from db.fleet.aircraft import Aircraft

    with pytest.raises(TypeError, match="texts are searched"):

        @projection(Aircraft, prefix="zz")
        class Wrong:
            """Wrong."""

            total_minutes = column("Minutes.", search=True)
