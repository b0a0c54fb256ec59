"""Plans: a statement, the readers of its parameters, and how its columns become the response."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, cast

from graphql import GraphQLField, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails, collect_fields
from graphql.execution.values import VariableValues

from domain.context import Actor
from domain.errors import BadUserInputError
from graph.compiler.aggregates import aggregate_sql
from graph.compiler.build import Builder, Conditions
from graph.compiler.coverage import Coverage
from graph.compiler.expressions import Row
from graph.compiler.filters import where_sql
from graph.compiler.prepared import MAX_NODES, Prepared, World
from graph.compiler.projection import Projection
from graph.compiler.roots import Root
from graph.compiler.slots import Slot
from graph.compiler.values import Leaf, Tree, Variables
from graph.core import ids
from graph.cost import bucket, points


@dataclass(frozen=True)
class Plan:
    """A compiled selection.

    Column n of the statement is written after `prefixes[n]` (its response key, and fields known without SQL that
    come before it), then `suffix`. `others` are root fields that graphql-core must execute (introspection)."""

    sql: str
    readers: tuple[Slot, ...]
    keys: tuple[str, ...]
    prefixes: tuple[bytes, ...] = ()
    suffix: bytes = b""
    others: tuple[str, ...] = ()
    self_scoped: bool = False
    cost: int = 0
    logged: bool = False
    """Whether the organization's version decides what it shows; see `graph.compiler.coverage`."""
    personal: bool = False
    """Whether it shows people with the same permissions different things."""

    @cached_property
    def digest(self) -> bytes:
        """Equal for plans that show the same of the same data."""
        text = repr((self.sql, self.keys, self.prefixes, self.suffix, self.self_scoped))
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    @cached_property
    def versioned(self) -> "Plan":
        """The same, and as the last column the organization's version in the snapshot of the others; null while
        events wait for their numbers."""
        return replace(self, sql=f"SELECT r.*, event_version() FROM ({self.sql}) r")

    def arguments(self, variables: dict[str, Any], actor: Actor) -> list[Any]:
        return [read(variables, actor) for read in self.readers]


class Chosen(NamedTuple):
    """The entity of a payload that a filter chooses: its field, its type, and the filter, if any."""

    name: str
    target: Projection
    where: Tree


@dataclass
class Columns:
    """The columns of a statement and the JSON around them, in the order of the selection."""

    keys: list[str] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    _pending: str = ""
    _first: bool = True

    def _key(self, key: str) -> str:
        comma, self._first = ("" if self._first else ","), False
        return f'{comma}"{key}":'

    def constant(self, key: str, value: str) -> None:
        self._pending += f'{self._key(key)}"{value}"'

    def add(self, key: str, sql: str) -> None:
        self.prefixes.append((self._pending + self._key(key)).encode())
        self._pending = ""
        self.keys.append(key)
        self.sql.append(sql)

    def plan(self, builder: Builder, **rest: Any) -> Plan:
        sql = "SELECT " + ", ".join(f"{text} AS c{index}" for index, text in enumerate(self.sql))
        return Plan(
            sql if self.sql else "",
            tuple(builder.slots.readers),
            tuple(self.keys),
            tuple(self.prefixes),
            self._pending.encode(),
            cost=points(builder.weight),
            personal=builder.slots.personal,
            **rest,
        )


def render(plan: Plan, row: Sequence[bytes | None], end: bytes) -> bytes:
    """The response of a compiled query from the columns of its row; `end` closes it."""
    parts = [b'{"data":{']
    for prefix, rendered in zip(plan.prefixes, row, strict=True):
        parts += (prefix, rendered or b"null")
    parts += (plan.suffix, b"}", end)
    return b"".join(parts)


class Planner:
    """Builds plans, checks access while doing so, and keeps them with their operation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._coverage = Coverage(world.registry, world.roots)

    def known(self, prepared: Prepared, coerced: dict[str, Any], actor: Actor) -> Plan | None:
        """The plan of a query when it was made before for such variables and the same permissions."""
        key = (actor.fingerprint, prepared.plan_key(coerced))
        plan = prepared.plans.get(key)
        if plan is not None:
            prepared.plans.move_to_end(key)
        return plan

    def query(self, prepared: Prepared, variables: VariableValues, actor: Actor) -> Plan:
        """The plan of a whole query. Raises ForbiddenError or BadUserInputError; a cached plan was checked for
        the same permissions."""
        plan = self.known(prepared, variables.coerced, actor)
        if plan is None:
            plan = self._query(prepared, variables, actor)
            prepared.remember((actor.fingerprint, prepared.plan_key(variables.coerced)), plan)
        return plan

    def _query(self, prepared: Prepared, variables: VariableValues, actor: Actor) -> Plan:
        query = cast(GraphQLObjectType, self.world.schema.query_type)
        grouped = collect_fields(
            self.world.schema, prepared.fragments, variables, query, prepared.operation
        ).grouped_field_set
        builder = Builder(self.world, prepared, variables, actor.permissions)
        columns = Columns()
        others: list[str] = []
        self_scoped = False
        for key, details in grouped.items():
            name = details[0].node.name.value
            root = self.world.roots.get(name)
            if name == "__typename":
                columns.constant(key, query.name)
            elif root is None:
                others.append(key)
            else:
                builder.touched.add((query.name, name))
                self_scoped = self_scoped or root.self_scoped
                columns.add(key, self._root(builder, root, query.fields[name], details))
        self.world.access.check(builder.touched, actor.permissions)
        plan = columns.plan(builder, others=tuple(others), self_scoped=self_scoped)
        if others:
            return plan
        logged = self._coverage.covers(query.name, builder.touched, plan.sql, self_scoped=self_scoped)
        return replace(plan, logged=logged and bool(plan.sql))

    def _root(self, builder: Builder, root: Root, definition: GraphQLField, details: list[FieldDetails]) -> str:
        if root.kind == "many":
            assert root.target

            def conditions(row: Row) -> list[str]:
                own = [row.compile(root.where, builder.slots)] if root.where else []
                return [*builder.in_tenant(row), *own]

            return builder.connection(root.target, conditions, definition, details)
        if root.kind == "aggregate":
            assert root.target
            return aggregate_sql(builder, root.target, builder.in_tenant, definition, details)
        if root.kind == "self":
            assert root.target
            where = root.where
            assert where
            return builder.one(root.target, lambda row: [row.compile(where, builder.slots)], details)
        arguments = builder.arguments(definition, details)
        leaf = arguments["ids" if root.kind == "nodes" else "id"]
        assert isinstance(leaf, Leaf)
        if root.kind == "nodes":
            return self._nodes(builder, leaf, details)
        target = root.target or self._target(ids.prefix_of(leaf.value), leaf.value)
        return builder.one(target, self._by_id(builder, target, leaf), details)

    def _target(self, prefix: str, text: str) -> Projection:
        target = self.world.registry.by_prefix.get(prefix)
        if target is None:
            known = ", ".join(sorted(f"{known}_" for known in self.world.registry.by_prefix))
            raise BadUserInputError(f"{text[:80]!r} is not an id: ids begin with one of {known}.")
        return target

    def _by_id(self, builder: Builder, target: Projection, leaf: Leaf) -> Conditions:
        slot = builder.slots.leaf(leaf, "uuid", lambda text: ids.parameter(target.prefix, text), part=target.prefix)
        return partial(_has_id, builder, slot)

    def _nodes(self, builder: Builder, leaf: Leaf, details: list[FieldDetails]) -> str:
        if len(leaf.value) > MAX_NODES:
            raise BadUserInputError(f"`ids` has {len(leaf.value)} ids: ask for at most {MAX_NODES} at once.")
        targets = {ids.prefix_of(text): self._target(ids.prefix_of(text), text) for text in leaf.value}
        if not targets:
            return "'[]'::json"
        prefixes = builder.slots.leaf(leaf, "text[]", lambda texts: [ids.prefix_of(text) for text in texts])
        uuids = builder.slots.leaf(
            leaf, "uuid[]", lambda texts: [ids.parameter(ids.prefix_of(text), text) for text in texts]
        )

        def conditions(row: Row) -> list[str]:
            return [*builder.in_tenant(row), f'{row.alias}."id" = u.id']

        times = bucket(len(leaf.value))
        branches = " ".join(
            f"WHEN '{prefix}' THEN {builder.one(target, conditions, details, times=times)}"
            for prefix, target in sorted(targets.items())
        )
        return (
            f"(SELECT json_agg(CASE u.prefix {branches} END ORDER BY u.n) "
            f"FROM unnest({prefixes}, {uuids}) WITH ORDINALITY u(prefix, id, n))"
        )

    def entity(
        self,
        prepared: Prepared,
        variables: VariableValues,
        actor: Actor,
        payload: str,
        groups: dict[str, tuple[Projection, list[FieldDetails]]],
        place: Hashable,
        chosen: Chosen | None = None,
    ) -> Plan:
        """The plan that renders objects inside a payload, each response key with its projection, by ids in the order of
        `groups`. `place` tells payloads of one operation apart. With `chosen` its id comes last, and a last column says
        whether it matches (null when it is not there); what does not match is rendered as null."""
        key = ("entity", place, actor.fingerprint, prepared.plan_key(variables.coerced))
        plan = prepared.plans.get(key)
        if plan is None:
            builder = Builder(self.world, prepared, variables, actor.permissions)
            columns = Columns()
            for index, (response_key, (declared, details)) in enumerate(groups.items()):
                target = self.world.registry.by_name[declared.name]  # with what leads back to it
                name = details[0].node.name.value
                builder.touched.add((payload, name))
                where = chosen.where if chosen is not None and chosen.name == name else None
                columns.add(response_key, builder.one(target, _nth(builder, index, where), details))
            if chosen is not None:
                columns.add("", _matches(builder, len(groups), chosen))
            self.world.access.check(builder.touched, actor.permissions)
            plan = columns.plan(builder)
            prepared.remember(key, plan)
        return cast(Plan, plan)


def _entity(index: int, variables: Variables, _actor: Actor) -> Any:
    return variables["entities"][index]


def _nth(builder: Builder, index: int, where: Tree = None) -> Conditions:
    """The object whose id is the entity with this number, if it matches."""
    slot = builder.slots.add(("entity", index), "uuid", partial(_entity, index))

    def conditions(row: Row) -> list[str]:
        chosen = [where_sql(builder, row, where)] if where is not None else []
        return [*_has_id(builder, slot, row), *chosen]

    return conditions


def _matches(builder: Builder, index: int, chosen: Chosen) -> str:
    row = Row(chosen.target, builder.alias("t"))
    test = f"{where_sql(builder, row, chosen.where)} IS TRUE" if chosen.where is not None else "true"
    there = " AND ".join([*_nth(builder, index)(row), *builder.visible(row)])
    return f'(SELECT {test} FROM "{chosen.target.table}" {row.alias} WHERE {there})'


def _has_id(builder: Builder, slot: str, row: Row) -> list[str]:
    return [*builder.in_tenant(row), f'{row.alias}."id" = {slot}']
