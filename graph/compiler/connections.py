"""The SELECT of a connection: a keyset page in a CTE that reads one row more than asked, so that `hasNextPage`
costs nothing."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails

from graph import cost
from graph.compiler import keyset
from graph.compiler.expressions import Row
from graph.compiler.keyset import Key
from graph.compiler.projection import Projection
from graph.compiler.render import Item, json_list, json_object
from graph.compiler.values import Leaf

if TYPE_CHECKING:
    from graph.compiler.build import Builder

Details = list[FieldDetails]


@dataclass
class Page:
    """The page arguments of a connection."""

    limit: int
    backward: bool
    after: Leaf | None
    before: Leaf | None


@dataclass
class ConnectionSelect:
    """The SELECT of one connection: a page CTE, and its nodes, edges, pageInfo and totalCount."""

    builder: "Builder"
    target: Projection
    base: Row
    page: Page
    keys: list[Key]
    where: list[str]

    def render(self, kind: GraphQLObjectType, details: Details) -> str:
        build = self.builder
        self.row = self.base.paged(build.alias("p"))
        grouped = build.subfields(kind, details)
        names = [group[0].node.name.value for group in grouped.values()]
        # Only pageInfo looks at the row beyond the page.
        self.extra = 1 if "pageInfo" in names else 0
        items: list[Item] = []
        for key, group in grouped.items():
            name = group[0].node.name.value
            if name == "__typename":
                items.append((key, f"'{kind.name}'::text"))
            elif name == "totalCount":
                build.weight += cost.COUNT
                items.append((key, f"(SELECT count(*) FROM {self._from()} WHERE {' AND '.join(self.where)})"))
            elif name == "nodes":
                items.append((key, self._list(build.items(self.target, self.row, group))))
            elif name == "edges":
                items.append((key, self._list(self._edge_items(group))))
            else:
                # One pass over the page; HAVING makes it one row even when nothing asked for is an aggregate.
                items.append((key, f"({json_object(self._page_info(group), f'FROM {self.row.alias} HAVING true')})"))
        return f"(WITH {self.row.alias} AS ({self._page_sql()}) {json_object(items)})"

    def _from(self) -> str:
        return f'"{self.target.table}" {self.base.alias}'

    def _columns(self, row: Row) -> list[tuple[Key, str]]:
        return [(key, self.builder.key_value(row, key)) for key in self.keys]

    def _cursor_values(self, leaf: Leaf) -> list[str | None]:
        order = keyset.signature(self.target, self.keys)
        now = keyset.decode(leaf.value, order, self.keys)
        return [
            None
            if value is None
            else self.builder.slots.leaf(
                leaf,
                keyset.cast_of(key.scalar.python_type),
                partial(self._cursor_value, order, index),
                part=(order, index),
            )
            for index, (key, value) in enumerate(zip(self.keys, now, strict=True))
        ]

    def _cursor_value(self, order: str, index: int, text: str) -> Any:
        return keyset.decode(text, order, self.keys)[index]

    def _beyond(self, leaf: Leaf, *, backward: bool, inclusive: bool = False) -> str:
        values = self._cursor_values(leaf)
        return keyset.beyond(self._columns(self.base), values, backward=backward, inclusive=inclusive)

    def _page_sql(self) -> str:
        where = list(self.where)
        if self.page.after:
            where.append(self._beyond(self.page.after, backward=False))
        if self.page.before:
            where.append(self._beyond(self.page.before, backward=True))
        order = keyset.order_by(self._columns(self.base), backward=self.page.backward)
        return (
            f"SELECT {self.row.carried()} FROM {self._from()} WHERE {' AND '.join(where)} "
            f"ORDER BY {order} LIMIT {self.page.limit + self.extra}"
        )

    def _rows(self) -> str:
        """The page in list order: the CTE keeps its own order, so only a backward page is sorted again."""
        if self.page.backward:
            order = keyset.order_by(self._columns(self.row), backward=False)
            inner = f"SELECT * FROM {self.row.alias} LIMIT {self.page.limit}"
            return f"FROM (SELECT * FROM ({inner}) {self.row.alias} ORDER BY {order}) {self.row.alias}"
        if self.extra:
            return f"FROM (SELECT * FROM {self.row.alias} LIMIT {self.page.limit}) {self.row.alias}"
        return f"FROM {self.row.alias}"

    def _list(self, items: list[Item]) -> str:
        return f"({json_list(items, self._rows())})"

    def _cursor(self) -> str:
        return keyset.cursor_sql(keyset.signature(self.target, self.keys), self._columns(self.row))

    def _edge_items(self, details: Details) -> list[Item]:
        build = self.builder

        def render(name: str, group: Details) -> str:
            return self._cursor() if name == "cursor" else f"({json_object(build.items(self.target, self.row, group))})"

        return build.rendered(build.object_type(f"{self.target.name}Edge"), details, render)

    def _page_info(self, details: Details) -> list[Item]:
        return self.builder.rendered(self.builder.object_type("PageInfo"), details, self._page_info_field)

    def _page_info_field(self, name: str, _group: Details) -> str:
        if name in ("startCursor", "endCursor"):
            return self._end_cursor(last=name == "endCursor")
        forwards = name == "hasNextPage"
        bound = self.page.before if forwards else self.page.after
        parts = []
        if forwards != self.page.backward:
            parts.append(f"count(*) > {self.page.limit}")
        if bound:
            # Rows on the far side of the bound, the bound's own row among them, follow this page as well.
            far = self._beyond(bound, backward=not forwards, inclusive=True)
            where = " AND ".join([*self.where, far])
            parts.append(f"EXISTS (SELECT FROM {self._from()} WHERE {where})")
        return f"({' OR '.join(parts)})" if parts else "false"

    def _end_cursor(self, *, last: bool) -> str:
        if self.page.limit == 0:
            return "NULL::text"
        # At the end where the page was begun is its first row; at the other its last, the extra one left aside.
        position = f"least(count(*), {self.page.limit})" if last != self.page.backward else "1"
        values = [(key, f"(array_agg({sql}))[{position}]") for key, sql in self._columns(self.row)]
        cursor = keyset.cursor_sql(keyset.signature(self.target, self.keys), values)
        return f"CASE WHEN count(*) > 0 THEN {cursor} END"
