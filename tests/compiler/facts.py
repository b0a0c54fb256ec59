"""Everything one actor may see, read by the owner of the database: what the reference executor works on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.context import Actor
from graph.compiler.abstract import Facet, ToAny
from graph.compiler.projection import Projection, Scalar, ToMany, ToOne
from graph.schema import BuiltSchema

Row = SimpleNamespace
Found = TypeVar("Found")


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


class Binds:
    """The actor as SQL. Remembers whether anybody used the permissions: what else is read is the same for all roles."""

    def __init__(self, actor: Actor) -> None:
        self.org_id = sa.literal(actor.org_id, sa.Uuid())
        self.user_id = sa.literal(actor.user_id, sa.Uuid())
        self.session_id = sa.literal(actor.session_id, sa.Uuid())
        self.by_role = False
        self._permissions = sa.literal(sorted(actor.permissions), ARRAY(sa.Text()))

    @property
    def permissions(self) -> Any:
        self.by_role = True
        return self._permissions


Known = dict[tuple[Any, ...], Any]


@dataclass
class Reader:
    """Asks the database as its owner, who is above row-level security, and once for what is `known`."""

    connection: AsyncConnection
    actor: Actor
    known: Known

    async def rows(self, item: Projection, *, self_scoped: bool) -> list[Row]:
        """Rows of the actor's organization; of a table without one, those that row-level security shows."""
        table = item.model.__table__

        def visible(binds: Binds) -> sa.Select[Any]:
            statement = sa.select(table)
            if item.visible is not None:
                statement = statement.where(item.visible(item.model, binds))
            return statement.where(table.c.org_id == self.actor.org_id) if item.is_tenant else statement

        async def read(statement: sa.Select[Any]) -> list[Row]:
            if not item.is_tenant:
                scope = {"o": str(self.actor.org_id), "u": str(self.actor.user_id) if self_scoped else ""}
                await self.connection.execute(sa.text("SET LOCAL ROLE opsgraph_app"))
                await self.connection.execute(
                    sa.text("SELECT set_config('app.org_id', :o, true), set_config('app.user_id', :u, true)"), scope
                )
            rows = [SimpleNamespace(**row) for row in (await self.connection.execute(statement)).mappings()]
            if not item.is_tenant:
                await self.connection.execute(sa.text("RESET ROLE"))
            return rows

        # What has an organization is seen in it alone, whosever it is.
        return await self._once(("rows", item.name, self_scoped and not item.is_tenant), visible, read)

    async def values(self, item: Projection, found: Scalar, named: str = "") -> dict[Any, Any]:
        """A computed field of every row, by its id."""
        assert found.expression is not None
        model, expression = sa.orm.aliased(item.model), found.expression

        async def read(statement: sa.Select[Any]) -> dict[Any, Any]:
            return {row[0]: row[1] for row in await self.connection.execute(statement)}

        def computed(binds: Binds) -> sa.Select[Any]:
            return sa.select(model.id, expression(model, binds))

        return await self._once(("values", item.name, named, found.name), computed, read)

    async def ids(self, key: tuple[Any, ...], model: Any, where: Callable[[Any, Any], Any]) -> set[Any]:
        """The rows for which something holds."""

        async def read(statement: sa.Select[Any]) -> set[Any]:
            return set((await self.connection.execute(statement)).scalars())

        return await self._once(key, lambda binds: sa.select(model.id).where(where(model, binds)), read)

    async def pairs(self, item: Projection, edge: ToOne | ToMany, target: Projection) -> set[tuple[Any, Any]]:
        """Which rows an edge with a condition of its own joins."""
        assert edge.on is not None
        parent, child, on = sa.orm.aliased(item.model), sa.orm.aliased(target.model), edge.on

        def joined(binds: Binds) -> sa.Select[Any]:
            return sa.select(parent.id, child.id).select_from(parent).join(child, on(parent, child, binds))

        async def read(statement: sa.Select[Any]) -> set[tuple[Any, Any]]:
            return {(row[0], row[1]) for row in await self.connection.execute(statement)}

        return await self._once(("pairs", item.name, edge.name), joined, read)

    async def _once(
        self,
        key: tuple[Any, ...],
        make: Callable[[Binds], sa.Select[Any]],
        read: Callable[[sa.Select[Any]], Awaitable[Found]],
    ) -> Found:
        binds = Binds(self.actor)
        statement = make(binds)
        who = (self.actor.org_id, self.actor.user_id, self.actor.session_id)
        place = (*key, *who, self.actor.permissions if binds.by_role else None)
        if place not in self.known:
            self.known[place] = await read(statement)
        found: Found = self.known[place]
        return found


async def gather(engine: AsyncEngine, schema: BuiltSchema, actor: Actor, known: Known | None = None) -> Facts:
    """Reads the facts, but for what is `known` from another actor of the same schema."""
    facts = Facts(permissions=actor.permissions)
    async with engine.connect() as connection:
        reader = Reader(connection, actor, {} if known is None else known)
        for name, item in schema.registry.by_name.items():
            facts.rows[name] = await reader.rows(item, self_scoped=False)
            facts.self_rows[name] = await reader.rows(item, self_scoped=True)
            for found in item.fields.values():
                key = (name, found.name)
                if isinstance(found, Scalar) and found.expression is not None:
                    facts.computed[key] = await reader.values(item, found)
                elif isinstance(found, ToAny):
                    await _gather_cases(reader, schema, facts, item, found)
                elif isinstance(found, ToOne | ToMany) and found.on is not None:
                    facts.joins[key] = await reader.pairs(item, found, schema.registry.by_name[found.target])
        zone = sa.text("SELECT time_zone FROM organizations WHERE id = :org")
        facts.time_zone = (await connection.execute(zone, {"org": actor.org_id})).scalar_one()
        for root in schema.roots.values():
            if root.kind == "self":
                assert root.target
                assert root.where
                facts.selves[root.name] = await reader.ids(("self", root.name), root.target.model, root.where)
    return facts


async def _gather_cases(reader: Reader, schema: BuiltSchema, facts: Facts, item: Projection, edge: ToAny) -> None:
    model = sa.orm.aliased(item.model)
    for index, each in enumerate(edge.cases):
        if each.when is not None:
            key = (item.name, edge.name, index)
            facts.conditions[key] = await reader.ids(("case", *key), model, each.when)
        shown_facet = schema.registry.facets.get(each.target)
        for found in shown_facet.fields.values() if shown_facet else ():
            assert isinstance(found, Scalar)
            facts.computed[f"{each.target} of {item.name}", found.name] = await reader.values(item, found, each.target)
