"""Aggregates: counts, sums, means and extremes of the rows that a filter selects, grouped by fields and by time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from graphql import GraphQLField, GraphQLObjectType, get_named_type

from domain.errors import BadUserInputError
from graph import cost
from graph.compiler.build import Builder, Conditions, Details
from graph.compiler.expressions import Row
from graph.compiler.filters import where_sql
from graph.compiler.grouping import NUMBERS, GroupKey, keys_of
from graph.compiler.projection import Projection
from graph.compiler.render import Item, json_list, json_object
from graph.compiler.values import Leaf

DEFAULT_GROUPS = 100
MAX_GROUPS = 1_000
FUNCTIONS = {
    "sum": "sum({})::text",
    "average": "trim_scale(round(avg({}), 6))::text",
    "min": "min({})::text",
    "max": "max({})::text",
}


@dataclass
class AggregateSelect:
    """The SELECT of one aggregate."""

    builder: Builder
    target: Projection
    row: Row
    keys: dict[str, GroupKey]
    wanted: list[GroupKey]

    def render(self, conditions: Conditions, definition: GraphQLField, details: Details) -> str:
        build = self.builder
        arguments = build.arguments(definition, details)
        where = [*conditions(self.row), *build.visible(self.row)]
        if arguments.get("where") is not None:
            where.append(where_sql(build, self.row, arguments["where"]))
        limit = _limit(arguments.get("first"))
        build.count_rows(limit)
        build.weight += cost.COUNT
        self.columns = {f"k{index}": self._key(key) for index, key in enumerate(self.wanted)}
        kind = get_named_type(definition.type)
        assert isinstance(kind, GraphQLObjectType)
        items = self._items(kind, details)
        if not self.wanted:
            # Without a key there is one group, even of no rows: an aggregate makes it so.
            self._add("count(*)")
        columns = ", ".join(f"{sql} AS {label}" for label, sql in self.columns.items())
        grouped = ", ".join(str(index + 1) for index in range(len(self.wanted)))
        by = f" GROUP BY {grouped} ORDER BY {grouped}" if grouped else ""
        source = f'"{self.target.table}" {self.row.alias}'
        inner = f"SELECT {columns} FROM {source} WHERE {' AND '.join(where) or 'true'}{by} LIMIT {limit}"
        return f"({json_list(items, f'FROM ({inner}) g')})"

    def _key(self, key: GroupKey) -> str:
        build = self.builder
        build.touched.add((f"{self.target.name}Group", key.name))
        value = build.filtered(self.row, key.scalar)
        if key.unit is None:
            return value
        local = f"({value} AT TIME ZONE {build.time_zone()})" if key.scalar.python_type is datetime else value
        return f"date_trunc('{key.unit.lower()}', {local}::timestamp)::date"

    def _add(self, sql: str) -> str:
        label = f"a{len(self.columns)}"
        self.columns[label] = sql
        return f"g.{label}"

    def _items(self, kind: GraphQLObjectType, details: Details) -> list[Item]:
        by_name = {key.name: key for key in self.keys.values()}

        def render(name: str, group: Details) -> str:
            if name == "count":
                return self._add("count(*)")
            if name in NUMBERS:
                return f"({json_object(self._numbers(name, group))})"
            return self._shown(by_name[name])

        return self.builder.rendered(kind, details, render)

    def _shown(self, key: GroupKey) -> str:
        if key not in self.wanted:
            return "NULL::text"
        column = f"g.k{self.wanted.index(key)}"
        return f"'{key.scalar.id_prefix}_' || {column}" if key.scalar.python_type is UUID else column

    def _numbers(self, function: str, details: Details) -> list[Item]:
        build = self.builder

        def render(name: str, _group: Details) -> str:
            return self._add(FUNCTIONS[function].format(build.filtered(self.row, self.target.scalar(name))))

        return build.rendered(build.object_type(f"{self.target.name}Numbers"), details, render)


def _limit(leaf: Any) -> int:
    if not isinstance(leaf, Leaf):
        return DEFAULT_GROUPS
    if not 0 <= leaf.value <= MAX_GROUPS:
        raise BadUserInputError(f"`first` is {leaf.value}: ask for 0 to {MAX_GROUPS} groups.")
    return int(leaf.value)


def aggregate_sql(
    builder: Builder, target: Projection, conditions: Conditions, definition: GraphQLField, details: Details
) -> str:
    """The aggregate of the target's rows that meet the conditions, as a JSON list of groups."""
    leaf = builder.arguments(definition, details).get("groupBy")
    names = [str(value.value) for value in leaf.value] if isinstance(leaf, Leaf) else []
    keys = keys_of(target)
    wanted = [keys[name] for name in dict.fromkeys(names)]
    row = Row(target, builder.alias("t"))
    return AggregateSelect(builder, target, row, keys, wanted).render(conditions, definition, details)
