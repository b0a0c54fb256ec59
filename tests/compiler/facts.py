"""Everything one actor may see, read by the owner of the database: what the reference executor works on."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.context import Actor
from graph.compiler.abstract import Facet, ToAny
from graph.compiler.projection import Projection, Scalar, ToMany, ToOne
from graph.schema import BuiltSchema

Row = SimpleNamespace


@dataclass(frozen=True)
class Object:
    """A row as seen through a projection."""

    projection: Projection | Facet
    row: Row
    shown_by: str = ""  # of a facet, the projection whose row shows it


@dataclass
class Facts:
    """Everything one actor may see, read once: rows by type, and what only SQL can tell."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    self_rows: dict[str, list[Row]] = field(default_factory=dict)
    computed: dict[tuple[str, str], dict[Any, Any]] = field(default_factory=dict)
    joins: dict[tuple[str, str], set[tuple[Any, Any]]] = field(default_factory=dict)
    selves: dict[str, set[Any]] = field(default_factory=dict)
    conditions: dict[tuple[str, str, int], set[Any]] = field(default_factory=dict)
    permissions: frozenset[str] = frozenset()
    time_zone: str = "UTC"


def literals(actor: Actor) -> Any:
    return SimpleNamespace(
        org_id=sa.literal(actor.org_id, sa.Uuid()),
        user_id=sa.literal(actor.user_id, sa.Uuid()),
        session_id=sa.literal(actor.session_id, sa.Uuid()),
        permissions=sa.literal(sorted(actor.permissions), ARRAY(sa.Text())),
    )


async def _visible(connection: AsyncConnection, item: Projection, actor: Actor, *, self_scoped: bool) -> list[Row]:
    """Rows of the actor's organization; of a table without one, those that row-level security shows."""
    table = item.model.__table__
    statement = sa.select(table)
    if item.visible is not None:
        statement = statement.where(item.visible(item.model, literals(actor)))
    if item.is_tenant:
        statement = statement.where(table.c.org_id == actor.org_id)
    else:
        scope = {"o": str(actor.org_id), "u": str(actor.user_id) if self_scoped else ""}
        await connection.execute(sa.text("SET LOCAL ROLE opsgraph_app"))
        await connection.execute(
            sa.text("SELECT set_config('app.org_id', :o, true), set_config('app.user_id', :u, true)"), scope
        )
    rows = [SimpleNamespace(**row) for row in (await connection.execute(statement)).mappings()]
    await connection.execute(sa.text("RESET ROLE"))
    return rows


async def gather(engine: AsyncEngine, schema: BuiltSchema, actor: Actor) -> Facts:
    """Reads the facts as the owner of the database, who is above row-level security."""
    facts, binds = Facts(permissions=actor.permissions), literals(actor)
    async with engine.connect() as connection:
        for name, item in schema.registry.by_name.items():
            facts.rows[name] = await _visible(connection, item, actor, self_scoped=False)
            facts.self_rows[name] = await _visible(connection, item, actor, self_scoped=True)
            for found in item.fields.values():
                key = (name, found.name)
                if isinstance(found, Scalar) and found.expression is not None:
                    model = sa.orm.aliased(item.model)
                    query = sa.select(model.id, found.expression(model, binds))
                    facts.computed[key] = dict(tuple(row) for row in await connection.execute(query))
                elif isinstance(found, ToAny):
                    await _gather_cases(connection, schema, facts, item, found, binds)
                elif isinstance(found, ToOne | ToMany) and found.on is not None:
                    parent, child = (
                        sa.orm.aliased(item.model),
                        sa.orm.aliased(schema.registry.by_name[found.target].model),
                    )
                    on = found.on(parent, child, binds)
                    query = sa.select(parent.id, child.id).select_from(parent).join(child, on)
                    facts.joins[key] = {tuple(row) for row in await connection.execute(query)}
        zone = sa.text("SELECT time_zone FROM organizations WHERE id = :org")
        facts.time_zone = (await connection.execute(zone, {"org": actor.org_id})).scalar_one()
        for root in schema.roots.values():
            if root.kind == "self":
                assert root.target
                assert root.where
                query = sa.select(root.target.model.id).where(root.where(root.target.model, binds))
                facts.selves[root.name] = set((await connection.execute(query)).scalars())
    return facts


async def _gather_cases(
    connection: AsyncConnection, schema: BuiltSchema, facts: Facts, item: Projection, edge: ToAny, binds: Any
) -> None:
    model = sa.orm.aliased(item.model)
    for index, each in enumerate(edge.cases):
        if each.when is not None:
            query = sa.select(model.id).where(each.when(model, binds))
            facts.conditions[item.name, edge.name, index] = set((await connection.execute(query)).scalars())
        shown_facet = schema.registry.facets.get(each.target)
        for found in shown_facet.fields.values() if shown_facet else ():
            assert isinstance(found, Scalar)
            assert found.expression is not None
            query = sa.select(model.id, found.expression(model, binds))
            values = {row[0]: row[1] for row in await connection.execute(query)}
            facts.computed[f"{each.target} of {item.name}", found.name] = values
