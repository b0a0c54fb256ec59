"""Under row-level security every list finds its page by an index: what PostgreSQL's generic plans say.

The tables of a test are small, so sequential scans and sorts are made dear: a plan that still has one has no index to
use. (A condition that is not leakproof would show here too: policies keep it from being an index condition.)
"""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from db.rls import APP_ROLE
from graph.compiler.projection import Scalar, computed
from graph.schema import build_schema
from tests.compiler.conftest import World, actor

# Lists that are short by nature (an organization's own roles, a person's sessions) are read whole and sorted.
SHORT = {"organizations", "feedChannels", "sessions", "roles", "departments", "members", "users", "aircraftTypes"}


# What follows from other records alone is worked out whole: no index knows when something will be due (ADR 17).
WORKED_OUT = {"dueItems", "aircraftDirectives"}


def cases() -> Iterator[tuple[str, str]]:
    for root in build_schema().roots.values():
        if root.kind == "many" and root.target is not None and root.name not in WORKED_OUT:
            yield root.name, ""
            for field in root.target.fields.values():
                if isinstance(field, Scalar) and field.order:
                    yield root.name, f"orderBy: [{{{field.name}: DESC}}]"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def explain(world: World, document: str) -> list[dict[str, Any]]:
    engine, who = world.platform.engine, actor()
    prepared = engine.preparer.prepare(document, None)
    plan = engine.planner.query(prepared, engine.preparer.coerce(prepared, {}), who)
    settings = {"role": APP_ROLE, "enable_seqscan": "off", "enable_sort": "off", "enable_bitmapscan": "off"}
    settings["plan_cache_mode"] = "force_generic_plan"
    connection = await asyncpg.connect(world.platform.settings.database_url, server_settings=settings)
    try:
        await connection.execute("SELECT set_config('app.org_id', $1, false)", str(who.org_id))
        await connection.execute(f"PREPARE listed AS {plan.sql}")
        nulls = ", ".join(["NULL"] * len(plan.readers))
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE listed({nulls})")
    finally:
        await connection.close()
    return list(nodes(json.loads(text)[0]["Plan"]))


@pytest.mark.parametrize(("name", "order"), list(cases()))
async def test_a_page_is_found_by_an_index(world: World, name: str, order: str) -> None:
    found = await explain(world, f"{{ {name}(first: 5{', ' + order if order else ''}) {{ nodes {{ id }} }} }}")
    target = world.platform.schema.roots[name].target
    assert target is not None
    assert not [node for node in found if node["Node Type"] == "Seq Scan"], name
    if name not in SHORT:
        assert not [node for node in found if node["Node Type"] in ("Sort", "Incremental Sort")], (name, order)


@pytest.mark.parametrize(
    "document",
    [
        '{ events(first: 5, where: {targetId: {eq: "ac_019a0000-0000-7000-8000-000000000000"}}) { nodes { id } } }',
        '{ events(first: 5, where: {type: {eq: "aircraft.updated"}}) { nodes { id } } }',
        '{ events(first: 5, where: {actor: {user: {id: {eq: "usr_019a0000-0000-7000-8000-000000000000"}}}})'
        " { nodes { id } } }",
        '{ events(first: 5, where: {occurredAt: {gte: "2026-01-01T00:00:00Z"}}, orderBy: [{occurredAt: ASC}])'
        " { nodes { id } } }",
        "{ aircraftList(first: 5) { nodes { history(first: 5) { nodes { id } } } } }",
        '{ viewer { history(first: 5, where: {type: {eq: "user.updated"}}) { nodes { id } } } }',
    ],
)
async def test_the_log_is_filtered_by_an_index(world: World, document: str) -> None:
    found = await explain(world, document)
    scans = [node for node in found if node["Node Type"] in ("Seq Scan", "Sort", "Incremental Sort")]
    assert not scans, scans
    conditions = [str(node.get("Index Cond")) for node in found if "event_log" in node.get("Relation Name", "")]
    assert conditions
    assert all("org_id" in condition and condition.count("=") > 1 for condition in conditions), conditions


@pytest.mark.parametrize("use", ["filter", "order"])
def test_what_no_index_could_find_is_refused_when_it_is_declared(use: str) -> None:
    with pytest.raises(TypeError, match=r"cannot be filtered or ordered by.*GENERATED ALWAYS AS"):
        computed("Its name in capitals.", str, lambda m, _: m.name, filter=use == "filter", order=use == "order")
