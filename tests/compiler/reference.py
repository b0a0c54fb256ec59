"""The reference executor: slow and obvious. It answers an operation by walking rows in Python through graphql-core.

It shares no code with the compiler: its schema is built from the printed SDL, filters, orders and pages are plain
Python over all rows, and only what a projection states as SQL (computed fields, unusual joins, row predicates) is
asked of the database, row by row, through SQLAlchemy.
"""

import base64
import json
from datetime import datetime, timedelta
from functools import cmp_to_key, lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    build_schema,
    execute,
)

from graph.compiler.abstract import ToAny, member_key
from graph.compiler.grouping import GroupKey, keys_of, numbers_of
from graph.compiler.projection import Projection, Scalar, ToMany, ToOne
from graph.compiler.roots import Root
from graph.schema import BuiltSchema
from tests.compiler.facts import Facts, Object, gather
from tests.compiler.values import (
    CALCULATIONS,
    OPERATORS,
    Key,
    compare_keys,
    folded,
    given,
    key_shown,
    parsed_key,
    shown,
    words,
)

__all__ = ["Reference", "gather"]


@lru_cache
def printed(sdl: str) -> GraphQLSchema:
    """The schema as clients see it, and nothing else of ours; building it takes a second."""
    return build_schema(sdl)


class Reference:
    """Answers operations for one actor."""

    def __init__(self, built: BuiltSchema, facts: Facts) -> None:
        self.built = built
        self.facts = facts
        self.schema = printed(built.sdl)
        self.self_scoped = False
        self._objects: dict[tuple[str, bool], list[Object]] = {}

    def run(self, document: DocumentNode, variables: dict[str, Any]) -> Any:
        self.self_scoped = self.asks_for_self(document, variables)
        result: Any = execute(
            self.schema,
            document,
            variable_values=variables,
            field_resolver=self.resolve,
            type_resolver=lambda value, *_: value.projection.name,
        )
        assert not result.errors, result.errors
        return result.data

    def asks_for_self(self, document: DocumentNode, variables: dict[str, Any]) -> bool:
        """Whether a root field is asked for that also sees what is the user's own in other organizations."""
        operation = next(item for item in document.definitions if isinstance(item, OperationDefinitionNode))
        asked = [field for field in operation.selection_set.selections if isinstance(field, FieldNode)]
        return any(
            (root := self.built.roots.get(field.name.value)) is not None
            and root.self_scoped
            and all(self.included(directive, variables) for directive in field.directives or ())
            for field in asked
        )

    def included(self, directive: DirectiveNode, variables: dict[str, Any]) -> bool:
        (argument,) = directive.arguments or ()
        value: Any = argument.value
        given = variables[value.name.value] if isinstance(value, VariableNode) else value.value
        return bool(given) == (directive.name.value == "include")

    # -- resolving -------------------------------------------------------------------------------------------

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        name = info.field_name
        if source is None:
            return self.root(self.built.roots[name], arguments)
        if isinstance(source, Object):
            return self.field(source, name, arguments)
        value = source[name]
        return value() if callable(value) else value

    def rows(self, item: Projection) -> list[Object]:
        key = (item.name, self.self_scoped)
        if key not in self._objects:
            held = self.facts.self_rows if self.self_scoped else self.facts.rows
            self._objects[key] = [Object(item, row) for row in held[item.name]]
        return self._objects[key]

    def root(self, root: Root, arguments: dict[str, Any]) -> Any:
        if root.kind == "many":
            assert root.target
            return self.page(root.target, self.rows(root.target), arguments)
        if root.kind == "self":
            assert root.target
            selves = self.facts.selves[root.name]
            return next((found for found in self.rows(root.target) if found.row.id in selves), None)
        if root.kind == "aggregate":
            assert root.target
            return self.groups(root.target, arguments)
        if root.kind == "nodes":
            return [self.by_id(text) for text in arguments["ids"]]
        return self.by_id(arguments["id"])

    def by_id(self, text: str) -> Object | None:
        prefix, _, uuid = text.rpartition("_")
        item = self.built.registry.by_prefix[prefix]
        return next((found for found in self.rows(item) if found.row.id == UUID(uuid)), None)

    def field(self, source: Object, name: str, arguments: dict[str, Any]) -> Any:
        found = source.projection.fields[name]
        if isinstance(found, Scalar):
            return shown(found, self.value(source, found))
        if isinstance(found, ToAny):
            return self.led_to(source, found)
        assert isinstance(found, ToOne | ToMany)
        target = self.built.registry.by_name[found.target]
        others = [other for other in self.rows(target) if self.joined(source, found, other)]
        if isinstance(found, ToOne):
            return others[0] if others else None
        return self.page(target, others, arguments)

    def led_to(self, source: Object, edge: ToAny) -> Object | None:
        """The first of the edge's cases that is there and of a type that the actor may see."""
        registry, name = self.built.registry, source.projection.name
        if edge.type is not None:
            item = registry.by_prefix.get(getattr(source.row, edge.type))
            is_one = item is not None and item.name in registry.abstracts[edge.target].members
            return self.with_id(item, getattr(source.row, edge.via or "")) if item and is_one else None
        for index, each in enumerate(edge.cases):
            if each.when is not None and source.row.id not in self.facts.conditions[name, edge.name, index]:
                continue
            if each.target in registry.facets:
                return Object(registry.facets[each.target], source.row, name)
            if found := self.with_id(registry.by_name[each.target], getattr(source.row, each.via or "")):
                return found
        return None

    def with_id(self, item: Projection, wanted: UUID | None) -> Object | None:
        if item.requires is not None and item.requires not in self.facts.permissions:
            return None
        return next((found for found in self.rows(item) if found.row.id == wanted), None)

    def joined(self, source: Object, edge: ToOne | ToMany, other: Object) -> bool:
        if edge.on is not None:
            return (source.row.id, other.row.id) in self.facts.joins[source.projection.name, edge.name]
        assert edge.via
        if isinstance(edge, ToOne):
            return bool(other.row.id == getattr(source.row, edge.via))
        if edge.type is not None and getattr(other.row, edge.type) != source.projection.named:
            return False
        return bool(getattr(other.row, edge.via) == source.row.id)

    def value(self, source: Object, scalar: Scalar) -> Any:
        if scalar.expression is not None:
            name = source.projection.name
            place = f"{name} of {source.shown_by}" if source.shown_by else name
            return self.facts.computed[place, scalar.name][source.row.id]
        return getattr(source.row, scalar.column)

    # -- pages -----------------------------------------------------------------------------------------------

    def page(self, item: Projection, objects: list[Object], arguments: dict[str, Any]) -> Any:
        where = arguments.get("where")
        kept = [each for each in objects if where is None or self.matches(item, each, where)]
        order = self.order(item, arguments.get("orderBy"))
        keyed = [(self.keys(order, each), each) for each in kept]
        keyed.sort(key=cmp_to_key(lambda one, two: compare_keys(order, one[0], two[0])))
        kept = [each for _, each in keyed]
        places = [keys for keys, _ in keyed]
        start, stop = 0, len(kept)
        if (after := arguments.get("after")) is not None:
            place = self.place(order, after)
            start = sum(compare_keys(order, keys, place) <= 0 for keys in places)
        if (before := arguments.get("before")) is not None:
            place = self.place(order, before)
            stop = max(start, sum(compare_keys(order, keys, place) < 0 for keys in places))
        first, last = arguments.get("first"), arguments.get("last")
        if last is not None:
            start = max(start, stop - last)
        else:
            stop = min(stop, start + (20 if first is None else first))
        cursors = [self.cursor(item, order, each) for each in kept[start:stop]]
        return {
            "nodes": kept[start:stop],
            "edges": [{"node": n, "cursor": c} for n, c in zip(kept[start:stop], cursors, strict=True)],
            "pageInfo": {
                "hasNextPage": stop < len(kept),
                "hasPreviousPage": start > 0,
                "startCursor": cursors[0] if cursors else None,
                "endCursor": cursors[-1] if cursors else None,
            },
            "totalCount": len(kept),
        }

    def groups(self, item: Projection, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        where = arguments.get("where")
        wanted = [keys_of(item)[name] for name in dict.fromkeys(arguments.get("groupBy") or [])]
        found: dict[tuple[Any, ...], list[Object]] = {} if wanted else {(): []}
        for each in self.rows(item):
            if where is None or self.matches(item, each, where):
                found.setdefault(tuple(self.group_value(each, key) for key in wanted), []).append(each)
        ordered = sorted(found.items(), key=lambda entry: [(value is None, value) for value in entry[0]])
        return [self.group(item, wanted, *entry) for entry in ordered[: arguments.get("first", 100)]]

    def group_value(self, source: Object, key: GroupKey) -> Any:
        value = self.value(source, key.scalar)
        if value is None or key.unit is None:
            return value
        day = value.astimezone(ZoneInfo(self.facts.time_zone)).date() if isinstance(value, datetime) else value
        if key.unit == "WEEK":
            return day - timedelta(days=day.weekday())
        return day.replace(month=1 if key.unit == "YEAR" else day.month, day=day.day if key.unit == "DAY" else 1)

    def group(
        self, item: Projection, wanted: list[GroupKey], values: tuple[Any, ...], members: list[Object]
    ) -> dict[str, Any]:
        made: dict[str, Any] = {key.name: None for key in keys_of(item).values()}
        for key, value in zip(wanted, values, strict=True):
            made[key.name] = str(value) if value is not None and key.unit else shown(key.scalar, value)
        made["count"] = len(members)
        for name, calculate in CALCULATIONS.items():
            made[name] = {}
            for scalar in numbers_of(item):
                known = [value for each in members if (value := self.value(each, scalar)) is not None]
                made[name][scalar.name] = str(calculate(known)) if known else None
        return made

    def keys(self, order: list[Key], source: Object) -> list[Any]:
        return [self.key(key, source, key.path) for key in order]

    def key(self, key: Key, source: Object, path: tuple[ToOne, ...]) -> Any:
        if not path:
            return self.value(source, key.scalar)
        target = self.built.registry.by_name[path[0].target]
        other = next((each for each in self.rows(target) if self.joined(source, path[0], each)), None)
        return None if other is None else self.key(key, other, path[1:])

    def place(self, order: list[Key], cursor: str) -> list[Any]:
        """The keys that a cursor names."""
        _, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [parsed_key(key.scalar, value) for key, value in zip(order, values, strict=True)]

    def cursor(self, item: Projection, order: list[Key], source: Object) -> str:
        name = item.prefix + ":" + ",".join(("-" if key.down else "") + key.name for key in order)
        values = [key_shown(value) for value in self.keys(order, source)]
        text = json.dumps([name, *values], ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def order(self, item: Projection, order_by: list[dict[str, Any]] | None) -> list[Key]:
        entries = [Key(item.scalar(name.lstrip("-")), name.startswith("-")) for name in item.default_order]
        if order_by:
            entries = [self.order_key(item, entry) for entry in order_by]
        unique: dict[str, Key] = {}
        for key in entries:
            unique.setdefault(key.name, key)
            if key.scalar.unique and not key.path:
                return list(unique.values())
        last = list(unique.values())[-1]
        return [*unique.values(), Key(item.scalar("id"), last.down)]

    def order_key(self, item: Projection, entry: dict[str, Any], path: tuple[ToOne, ...] = ()) -> Key:
        ((name, way),) = entry.items()
        found = item.fields[name]
        if isinstance(found, ToOne):
            return self.order_key(self.built.registry.by_name[found.target], way, (*path, found))
        return Key(item.scalar(name), way == "DESC", path)

    # -- filters ---------------------------------------------------------------------------------------------

    def matches(self, item: Projection, source: Object, where: dict[str, Any]) -> bool:
        return all(self.holds(item, source, name, value) for name, value in where.items() if value is not None)

    def searched(self, item: Projection) -> list[Scalar]:
        return [found for found in item.searched if found.requires is None or found.requires in self.facts.permissions]

    def holds(self, item: Projection, source: Object, name: str, value: Any) -> bool:
        if name == "and":
            return all(self.matches(item, source, each) for each in value)
        if name == "or":
            return any(self.matches(item, source, each) for each in value)
        if name == "search":
            texts = [folded(self.value(source, found) or "") for found in self.searched(item)]
            return all(any(word in text for text in texts) for word in words(value))
        if name == "not":
            return not self.matches(item, source, value)
        found = item.fields[name]
        if isinstance(found, ToAny):
            other = self.led_to(source, found)
            ((key, wanted),) = value.items()
            return (
                other is not None
                and member_key(other.projection.name) == key
                and self.matches(self.built.registry.by_name[other.projection.name], other, wanted)
            )
        if isinstance(found, ToOne | ToMany):
            target = self.built.registry.by_name[found.target]
            others = [other for other in self.rows(target) if self.joined(source, found, other)]
            if isinstance(found, ToOne):
                return any(self.matches(target, other, value) for other in others)
            return all(
                any(self.matches(target, other, wanted) for other in others) == (quantifier == "some")
                for quantifier, wanted in value.items()
                if wanted is not None
            )
        scalar = item.scalar(name)
        actual = self.value(source, scalar)
        return all(OPERATORS[operator](actual, given(scalar, wanted)) for operator, wanted in value.items())
