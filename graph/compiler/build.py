"""Builds one SQL statement for an operation: selections become sub-selects that render their JSON.

Labels are response keys, and `row_to_json` over a labelled sub-select makes the object. A page of a connection is
a CTE that reads one row more than asked, so that `hasNextPage` costs nothing. Page sizes are literals (a
parameterised LIMIT makes PostgreSQL's generic plan scan whole tables), so they are part of a plan's key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import GraphQLField, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetails, collect_subfields
from graphql.execution.values import VariableValues

from domain.errors import BadUserInputError
from graph import cost
from graph.compiler.abstract import ToAny
from graph.compiler.branches import AnySelect, key_of, leads_to
from graph.compiler.connections import ConnectionSelect, Page
from graph.compiler.expressions import Row
from graph.compiler.filters import check_search, where_sql
from graph.compiler.keyset import Key
from graph.compiler.prepared import Prepared, World
from graph.compiler.projection import SEARCH, Projection, Scalar, ToMany, ToOne
from graph.compiler.render import Item, json_object
from graph.compiler.slots import Slots
from graph.compiler.values import Leaf, Tree, argument_trees
from graph.limits import TooLargeError

MAX_FOLLOWED = 20

Details = list[FieldDetails]
Conditions = Callable[[Row], list[str]]


@dataclass
class Builder:
    """One statement in the making: its slots, and what it touches for the access check."""

    world: World
    prepared: Prepared
    variables: VariableValues
    permissions: frozenset[str]
    slots: Slots = field(default_factory=Slots)
    touched: set[tuple[str, str]] = field(default_factory=set)
    rows: int = 0
    weight: int = 0
    branches: int = 0
    _repeats: int = 1
    _followed: int = 0
    _aliases: int = 0

    def alias(self, stem: str) -> str:
        self._aliases += 1
        return f"{stem}{self._aliases}"

    def collected(self, kind: GraphQLObjectType, details: Details) -> dict[str, Details]:
        """The fields that a selection asks of a type, by response key."""
        schema, fragments = self.world.schema, self.prepared.fragments
        return collect_subfields(
            schema, fragments, self.variables, self.prepared.operation, kind, details
        ).grouped_field_set

    def subfields(self, kind: GraphQLObjectType, details: Details) -> dict[str, Details]:
        """The same, counted, and noted for the access check."""
        found = self.collected(kind, details)
        self.touched |= {(kind.name, group[0].node.name.value) for group in found.values()}
        self.weight += cost.FIELD * self._repeats * len(found)
        return found

    def may_see(self, item: Projection) -> bool:
        """Whether the actor may see objects of this type at all."""
        return self.world.access.needs[item.name, "id"] <= self.permissions

    def arguments(self, definition: GraphQLField, details: Details) -> dict[str, Tree]:
        return argument_trees(definition, details[0].node, self.variables.coerced)

    def object_type(self, name: str) -> GraphQLObjectType:
        return cast(GraphQLObjectType, self.world.schema.type_map[name])

    # -- objects ---------------------------------------------------------------------------------------------

    def rendered(self, kind: GraphQLObjectType, details: Details, render: Callable[[str, Details], str]) -> list[Item]:
        """What a selection asks of a type: each field with the SQL that `render` gives for it."""
        made: list[Item] = []
        for key, group in self.subfields(kind, details).items():
            name = group[0].node.name.value
            made.append((key, f"'{kind.name}'::text" if name == "__typename" else render(name, group)))
        return made

    def items(self, projection: Projection, row: Row, details: Details) -> list[Item]:
        """The selected fields of a row, each with the SQL that gives its value."""
        kind = self.object_type(projection.name)

        def render(name: str, group: Details) -> str:
            found = projection.fields[name]
            if isinstance(found, ToOne):
                return self._to_one(found, row, group)
            if isinstance(found, ToMany):
                return self._to_many(found, row, kind.fields[name], group)
            if isinstance(found, ToAny):
                return AnySelect(self, found, row, group).render()
            assert isinstance(found, Scalar)
            return row.output(found, self.slots)

        return self.rendered(kind, details, render)

    def one(self, target: Projection, conditions: Conditions, details: Details, *, times: int = 1) -> str:
        """The one row that meets the conditions, as a JSON object or null; it is rendered so many times."""
        row = Row(target, self.alias("t"))
        where = [*conditions(row), *self.visible(row)]
        source = f'FROM "{target.table}" {row.alias} WHERE {" AND ".join(where)}'
        outer, self._repeats = self._repeats, self._repeats * times
        self.weight += cost.OBJECT * self._repeats
        sql = f"({json_object(self.items(target, row, details), source)})"
        self._repeats = outer
        return sql

    def visible(self, row: Row) -> list[str]:
        """The row predicate of the projection, on every select of it at any depth."""
        predicate = row.projection.visible
        return [row.compile(predicate, self.slots)] if predicate else []

    def in_tenant(self, row: Row) -> list[str]:
        """Root selects name the organization besides row-level security: two locks, and a better plan."""
        if row.projection.is_tenant and self.world.tenant_predicate:
            return [f'{row.alias}."org_id" = {self.slots.actor("org_id")}']
        return []

    def joined(self, edge: ToOne | ToMany, parent: Row, child: Row) -> list[str]:
        """SQL conditions under which an edge leads from the parent to the child."""
        if edge.on is not None:
            return [child.compile_join(edge.on, parent, self.slots), *self.in_tenant(child)]
        assert edge.via is not None
        near, far = (edge.via, "id") if isinstance(edge, ToOne) else ("id", edge.via)
        where = [f'{child.alias}."{far}" = {parent.column(near)}']
        if isinstance(edge, ToMany) and edge.type is not None:
            where.insert(0, f"{child.alias}.\"{edge.type}\" = '{parent.projection.named}'")
        if child.projection.is_tenant:
            # A global parent (a user) has no organization of its own to compare with.
            if parent.projection.is_tenant:
                where.insert(0, f'{child.alias}."org_id" = {parent.column("org_id")}')
            else:
                where += self.in_tenant(child)
        return where

    def _to_one(self, edge: ToOne, parent: Row, details: Details) -> str:
        target = self.world.registry.by_name[edge.target]
        return self.one(target, lambda child: self.joined(edge, parent, child), details)

    def _to_many(self, edge: ToMany, parent: Row, definition: GraphQLField, details: Details) -> str:
        target = self.world.registry.by_name[edge.target]
        return self.connection(target, lambda child: self.joined(edge, parent, child), definition, details)

    # -- connections -----------------------------------------------------------------------------------------

    def connection(self, target: Projection, conditions: Conditions, definition: GraphQLField, details: Details) -> str:
        """A keyset page of the rows that meet the conditions, as a connection object."""
        arguments = self.arguments(definition, details)
        page = self._page(arguments)
        base = Row(target, self.alias("t"))
        keys = self._order(target, arguments.get("orderBy"))
        where = [*conditions(base), *self.visible(base)]
        if arguments.get("where") is not None:
            where.append(where_sql(self, base, arguments["where"]))
        made = ConnectionSelect(self, target, base, page, keys, where or ["true"])
        kind = cast(GraphQLObjectType, get_named_type(definition.type))
        # A page inside a page is read once for each of its rows.
        outer = self._repeats
        self.count_rows(page.limit)
        self._repeats = outer * max(page.limit, 1)
        sql = made.render(kind, details)
        self._repeats = outer
        return sql

    def count_rows(self, limit: int) -> None:
        """Adds what a page may return to what the operation may; raises TooLargeError."""
        self.rows += self._repeats * limit
        self.weight += cost.ROW * self._repeats * limit
        if self.rows > self.world.max_rows:
            raise TooLargeError(
                f"The operation may return more than {self.world.max_rows} rows: ask for smaller pages or fewer levels."
            )

    def time_zone(self) -> str:
        """SQL of the organization's time zone."""
        return self.world.time_zone.format(org_id=self.slots.actor("org_id"))

    def filtered(self, row: Row, scalar: Scalar) -> str:
        # To filter or order by a field tells as much about it as to read it.
        self.touched.add((row.projection.name, scalar.name))
        return row.value(scalar, self.slots)

    def search(self, row: Row, leaf: Leaf) -> str:
        """SQL: the row's texts hold all words; of these texts, only those that the actor may read."""
        target = row.projection
        fields = [
            found for found in target.searched if self.world.access.needs[target.name, found.name] <= self.permissions
        ]
        # Who may read none of them is refused, and told what for.
        self.touched |= {(target.name, found.name) for found in fields or target.searched}
        self.weight += cost.COUNT
        columns = ", ".join(f"'{found.column}'" for found in fields)
        text = self.slots.leaf(leaf, "text", check_search, part=SEARCH)
        call = f"search_{target.table}(ARRAY[{columns}]::text[], {text})"
        return f'{row.alias}."id" IN (SELECT found.id FROM {call} AS found(id))'

    def exists_any(self, row: Row, edge: ToAny, member: str, tree: Tree) -> str:
        """SQL: the edge leads to an object of this type that meets the filter."""
        target = self.world.registry.by_name[member]
        via = key_of(edge, target)
        if via is None:
            self.touched |= {(row.projection.name, edge.name), (member, "id")}
            return "false"
        one = ToOne(description="", target=member, via=via, name=edge.name)
        return " AND ".join([*leads_to(self, edge, target, row), self.exists(row, one, tree)])

    def exists(self, row: Row, edge: ToOne | ToMany, tree: Tree) -> str:
        """SQL: a row that the edge leads to meets the filter."""
        self._follow()
        child = self._beyond_edge(row, edge)
        where = [*self.joined(edge, row, child), *self.visible(child), where_sql(self, child, tree)]
        return f'EXISTS (SELECT FROM "{child.projection.table}" {child.alias} WHERE {" AND ".join(where)})'

    def _follow(self) -> None:
        self._followed += 1
        if self._followed > MAX_FOLLOWED:
            raise TooLargeError(f"Filters and orders of one operation may follow at most {MAX_FOLLOWED} edges.")

    def _beyond_edge(self, row: Row, edge: ToOne | ToMany) -> Row:
        target = self.world.registry.by_name[edge.target]
        self.touched |= {(row.projection.name, edge.name), (target.name, "id")}
        return Row(target, self.alias("t"))

    def key_value(self, row: Row, key: Key) -> str:
        """The value that a row is ordered by."""
        if not key.path:
            return row.value(key.scalar, self.slots)
        return row.labelled("_" + key.name.replace(".", "_"), lambda base: self._related(base, key.path, key.scalar))

    def _related(self, row: Row, path: tuple[ToOne, ...], scalar: Scalar) -> str:
        if not path:
            return row.value(scalar, self.slots)
        child = self._beyond_edge(row, path[0])
        where = " AND ".join([*self.joined(path[0], row, child), *self.visible(child)])
        value = self._related(child, path[1:], scalar)
        return f'(SELECT {value} FROM "{child.projection.table}" {child.alias} WHERE {where})'

    def _size(self, arguments: dict[str, Tree], name: str) -> int | None:
        leaf = arguments.get(name)
        if not isinstance(leaf, Leaf):
            return None
        if not 0 <= leaf.value <= self.world.max_page_size:
            raise BadUserInputError(f"`{name}` is {leaf.value}: ask for 0 to {self.world.max_page_size} items a page.")
        return int(leaf.value)

    def _page(self, arguments: dict[str, Tree]) -> Page:
        first, last = self._size(arguments, "first"), self._size(arguments, "last")
        if first is not None and last is not None:
            raise BadUserInputError("`first` and `last` exclude each other: give one of them.")
        after, before = arguments.get("after"), arguments.get("before")
        return Page(
            limit=first if first is not None else last if last is not None else self.world.default_page_size,
            backward=last is not None,
            after=after if isinstance(after, Leaf) else None,
            before=before if isinstance(before, Leaf) else None,
        )

    def _order(self, target: Projection, tree: Tree) -> list[Key]:
        keys = [Key(target.scalar(name.lstrip("-")), name.startswith("-")) for name in target.default_order]
        if isinstance(tree, list) and tree:
            keys = []
            for entry in tree:
                key = self._key(target, entry)
                if not any(key.name == known.name for known in keys):
                    keys.append(key)
        for index, key in enumerate(keys):
            if not key.path and key.scalar.unique:
                return keys[: index + 1]  # what follows a unique value cannot matter
        # Without the id the order would not be total. It goes the way of the key before, so that one index serves both.
        return [*keys, Key(target.scalar("id"), keys[-1].descending)]

    def _key(self, target: Projection, entry: dict[str, Any], path: tuple[ToOne, ...] = ()) -> Key:
        ((name, value),) = entry.items()
        found = target.fields[name]
        self.touched.add((target.name, name))
        if isinstance(found, ToOne):
            self._follow()
            return self._key(self.world.registry.by_name[found.target], value, (*path, found))
        assert isinstance(found, Scalar)
        return Key(found, str(value.value) == "DESC", path)
