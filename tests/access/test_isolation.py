"""No operation of one organization shows or changes a row of another, with either of the two locks alone.

Every root field is found by walking the schema, every id argument gets ids of the other organization, and the
other organization's rows are compared, table by table, before and after.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType, get_named_type

from graph.compiler.plans import Planner
from graph.context import Platform
from tests.access.conftest import Place, tenant_tables
from tests.access.walk import call, everything
from tests.compiler.conftest import actor
from tests.compiler.population import ORGS, uid

US, THEM = ORGS
ONE_OF_US = actor(US, person=2)
BLANK = "zz_0"
WRONG = re.compile(r"(zz_[0-9a-f-]+)' is not an id of the expected type: it must begin with '([a-z]+)_'")
ID = re.compile(r"\b([a-z]+_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")


async def foreign_ids(place: Place) -> dict[str, list[str]]:
    """API ids by prefix of rows that only the other organization may see."""
    found: dict[str, list[str]] = {}
    async with place.owner.connect() as connection:
        for item in place.platform.schema.registry.by_name.values():
            if item.is_tenant:
                table = item.model.__table__
                rows = await connection.execute(table.select().where(table.c.org_id == THEM))
                found[item.prefix] = [f"{item.prefix}_{row.id}" for row in rows]
    found["org"] = [f"org_{THEM}"]
    found["usr"] = [f"usr_{uid(0, 1, number)}" for number in range(8, 14)]
    return found


@pytest.fixture(params=[True, False], ids=["both locks", "row-level security alone"])
async def locked(request: pytest.FixtureRequest, place: Place) -> AsyncIterator[Place]:
    """The place with, and without, the application's own tenant predicate."""
    platform: Platform = place.platform
    engine, world = platform.engine, platform.world
    engine.world = replace(world, tenant_predicate=request.param)
    engine.planner = Planner(engine.world)
    engine.preparer.forget_plans()
    yield place
    engine.world, engine.planner = world, Planner(world)
    engine.preparer.forget_plans()


def roots(place: Place) -> list[tuple[str, Any]]:
    query = place.platform.schema.core.query_type
    assert query
    return list(query.fields.items())


async def test_every_tenant_table_is_populated_or_written_by_the_platform(place: Place) -> None:
    rows = await place.rows(THEM)
    unfilled = {name for name, found in rows.items() if not found}
    # What no projection shows: the outbox, jobs and the relay's heads; sign-in's tables belong to users.
    shown = {item.table for item in place.platform.schema.registry.by_name.values()}
    assert not unfilled & shown


async def test_no_list_or_node_shows_another_organization(locked: Place) -> None:
    foreign = {text for texts in (await foreign_ids(locked)).values() for text in texts}
    for name, field in roots(locked):
        kind = get_named_type(field.type)
        if not isinstance(kind, GraphQLObjectType) or any(argument == "id" for argument in field.args):
            continue
        called = f"{name}(first: 50)" if "first" in field.args else name
        # Every type has a list of its own, so two levels show each edge below each other.
        selection = everything(kind, "", 2, schema=locked.platform.schema.core)
        document = f"{{ {called} {{ {selection} }} }}"
        # Larger than what a stranger may send, so it is made known as a registered one is.
        locked.platform.engine.preparer.prepare(document, None, registered=True)
        answer = await locked.ask(document, ONE_OF_US)
        assert "errors" not in answer, answer
        assert not foreign & set(ID.findall(json.dumps(without_target_ids(answer)))), name


def without_target_ids(value: Any) -> Any:
    """The answer without what our own events say: some of the population's name things of the other organization."""
    if isinstance(value, dict):
        return {key: without_target_ids(item) for key, item in value.items() if not key.endswith("targetId")}
    return [without_target_ids(item) for item in value] if isinstance(value, list) else value


async def test_ids_of_another_organization_find_nothing(locked: Place) -> None:
    foreign = await foreign_ids(locked)
    by_id = [name for name, field in roots(locked) if "id" in field.args]
    assert "node" in by_id
    for name in by_id:
        document = f"query ($id: ID!) {{ found: {name}(id: $id) {{ id }} }}"
        for texts in foreign.values():
            for text in texts:
                answer = await locked.ask(document, ONE_OF_US, {"id": text})
                if answer.get("errors", [{}])[0].get("extensions", {}).get("code") == "BAD_USER_INPUT":
                    break  # it takes ids of another type, whatever follows the prefix
                assert answer["data"] == {"found": None}, (name, text, answer)
    every = [text for texts in foreign.values() for text in texts][:100]
    answer = await locked.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ONE_OF_US, {"ids": every})
    assert answer["data"]["nodes"] == [None] * len(every)


async def test_filters_by_ids_of_another_organization_find_nothing(locked: Place) -> None:
    foreign = await foreign_ids(locked)
    targets = [(root.name, root.target) for root in locked.platform.schema.roots.values() if root.kind == "many"]
    listed = {name: foreign[target.prefix] for name, target in targets if target and target.prefix in foreign}
    assert "aircraftList" in listed
    for name, texts in listed.items():
        ids = json.dumps(texts)
        answer = await locked.ask(
            f"{{ {name}(where: {{id: {{in: {ids}}}}}) {{ totalCount nodes {{ id }} }} }}", ONE_OF_US
        )
        assert answer["data"][name] == {"totalCount": 0, "nodes": []}, name


def with_ids(called: str, foreign: dict[str, list[str]], expected: dict[str, str]) -> str:
    """The call with an id of the other organization wherever it is known which type is expected there."""
    for place, prefix in expected.items():
        called = called.replace(place, foreign.get(prefix, [f"{prefix}_{UUID(int=0)}"])[0])
    return called


async def test_no_mutation_changes_another_organization(locked: Place) -> None:
    """Each mutation is asked until all of its arguments have ids of the types that its refusals ask for; where any type
    will do, with one of each."""
    mutation = locked.platform.schema.core.mutation_type
    assert mutation
    foreign = await foreign_ids(locked)
    every = {text for texts in foreign.values() for text in texts}
    before = await locked.rows(THEM)
    reached = set()

    async def ask(called: str) -> dict[str, Any]:
        answer = await locked.ask(f"mutation {{ {called} {{ __typename errors {{ code }} }} }}", ONE_OF_US)
        assert not every & set(ID.findall(json.dumps(answer.get("data")))), (called, answer)
        assert "INTERNAL" not in [error["extensions"]["code"] for error in answer.get("errors", ())], (called, answer)
        return answer

    for name, field in mutation.fields.items():
        for optional in (False, True):
            blank = call(name, field, BLANK, everything=optional)
            for number in range(1, blank.count(f'"{BLANK}"') + 1):
                blank = blank.replace(f'"{BLANK}"', f'"zz_{UUID(int=number)}"', 1)
            expected: dict[str, str] = {}
            while wrong := WRONG.search(json.dumps(await ask(with_ids(blank, foreign, expected)))):
                assert wrong[1] not in expected, (name, wrong)
                expected[wrong[1]] = wrong[2]
            reached |= set(expected.values())
            if "zz_" in (left := with_ids(blank, foreign, expected)):
                for texts in foreign.values():
                    await ask(re.sub(r"zz_[0-9a-f-]+", texts[0], left))
    assert await locked.rows(THEM) == before
    # The test looks where it says: at least at what can be changed by its id.
    assert {"ac", "dep", "mem", "wo", "tc", "crs"} <= reached


async def test_the_tables_have_row_level_security(place: Place) -> None:
    """Every table with org_id is protected; one that is not must be on the short list of global ones. A view shows
    its tables under the policies of who asks."""
    async with place.owner.connect() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, "
            "EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        tables = {name: (forced, policies) for name, forced, policies in rows}
        options = await connection.exec_driver_sql(
            "SELECT relname, coalesce(reloptions::text[], '{}') FROM pg_class"
            " WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
        )
        views = {name: "security_invoker=true" in found for name, found in options}
    open_tables = {name for name, (forced, _) in tables.items() if not forced}
    assert open_tables <= {"alembic_version", "event_epochs"}, open_tables
    assert all(views.values()), views
    for table in tenant_tables():
        assert views[table.name] if table.info.get("view") else tables[table.name] == (True, True), table.name
