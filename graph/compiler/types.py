"""Strawberry types made from projections: objects, connections, filters and orders.

They are made once, when the schema is built. The compiler renders them in SQL, so their fields have no
resolvers: a resolver that is never called is one that cannot be slow or wrong.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from keyword import iskeyword
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.schema_directives import OneOf
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.union import StrawberryUnion
from strawberry.types.unset import UNSET

from domain.permissions import Permission
from graph.compiler.abstract import NODE, Abstract, Facet, ToAny, member_key
from graph.compiler.definitions import Field, Namespace, define
from graph.compiler.grouping import NUMBERS, keys_of, numbers_of
from graph.compiler.projection import SEARCH, FieldBase, Projection, Scalar, ToMany, ToOne
from graph.compiler.registry import Registry
from graph.core.enums import describe
from graph.directives.access import Requires


class OrderDirection(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


describe(
    OrderDirection,
    "Which way a list is ordered. Nulls count as the largest value.",
    {"ASC": "Smallest first, nulls last.", "DESC": "Largest first, nulls first."},
)


@strawberry.interface(description="An object with a global id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Global id: a type prefix, an underscore and a UUID.")


@strawberry.type(description="Where a page of a connection lies.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether items come before this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item; null on an empty page.")


COMPARABLE = ("eq", "ne", "in", "notIn", "lt", "lte", "gt", "gte", "isNull")
OPERATORS: dict[Any, tuple[str, ...]] = {
    str: (*COMPARABLE, "startsWith", "contains"),
    int: COMPARABLE,
    date: COMPARABLE,
    datetime: COMPARABLE,
    Decimal: COMPARABLE,
    bool: ("eq", "isNull"),
    UUID: ("eq", "ne", "in", "notIn", "isNull"),
    strawberry.ID: ("eq", "ne", "in", "notIn", "isNull"),
    StrEnum: ("eq", "ne", "in", "notIn", "isNull"),
    list[str]: ("has", "isNull"),
}
OPERATOR_DESCRIPTIONS = {
    "eq": "Equal to.",
    "ne": "Not equal to; null differs from every value.",
    "in": "One of these.",
    "notIn": "None of these; null is none of them.",
    "lt": "Less than.",
    "lte": "Less than or equal to.",
    "gt": "Greater than.",
    "gte": "Greater than or equal to.",
    "isNull": "Whether the value is null.",
    "startsWith": "Begins with this text, upper and lower case told apart.",
    "contains": "Contains this text, upper and lower case alike.",
    "has": "The list holds this value.",
}
SEARCH_DESCRIPTION = (
    "Every word of this occurs in one of {names}: anywhere in it, whatever the case, accents, spaces and punctuation."
    " Fields that you may not read are left out; a text without letters and digits finds everything."
)
GRAPHQL_TYPES: dict[Any, Any] = {UUID: strawberry.ID, dict: JSON}
FILTER_NAMES: dict[Any, str] = {
    str: "StringFilter",
    int: "IntFilter",
    date: "DateFilter",
    datetime: "DateTimeFilter",
    Decimal: "DecimalFilter",
    bool: "BooleanFilter",
    UUID: "IDFilter",
    strawberry.ID: "IDFilter",
    list[str]: "StringListFilter",
}


def is_enum(python_type: Any) -> bool:
    return isinstance(python_type, type) and issubclass(python_type, StrEnum)


def directives_for(requires: StrEnum | None) -> list[object]:
    return [Requires(permission=Permission(requires))] if requires else []


class TypeFactory:
    """Makes and keeps the GraphQL types of a registry; annotations by name resolve in `namespace`."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.namespace = Namespace()
        self.namespace[NODE] = Node
        for item in registry.by_name.values():
            self._add_inputs(item)
        for abstract in registry.abstracts.values():
            self._add_abstract(abstract)
        for item in registry.by_name.values():
            self._add_object(item.name, item.description, item.fields, (Node, *self._bases(item)), item.requires)
            self._add_connection(item)
        for facet in registry.facets.values():
            self._add_object(facet.name, facet.description, facet.fields, self._bases(facet))

    def field(
        self,
        annotation: Any,
        description: str,
        *,
        name: str,
        directives: list[object] | None = None,
        deprecated: str | None = None,
        arguments: list[StrawberryArgument] | None = None,
    ) -> StrawberryField:
        made = Field(
            python_name=f"{name}_" if iskeyword(name) else name,
            graphql_name=name,
            type_annotation=self.namespace.annotation(annotation),
            description=description,
            directives=directives or [],
            deprecation_reason=deprecated,
        )
        made.arguments = arguments or []
        return made

    def make(self, name: str, fields: list[StrawberryField], description: str, **options: Any) -> Any:
        """A Strawberry type of these fields, kept in the namespace; `options` are those of `define`."""
        made = self.namespace[name] = define(name, fields, description, **options)
        return made

    def scalar_type(self, scalar: Scalar) -> Any:
        base = GRAPHQL_TYPES.get(scalar.python_type, scalar.python_type)
        return base | None if scalar.nullable else base

    def _bases(self, item: Projection | Facet) -> tuple[Any, ...]:
        return tuple(self.namespace[name] for name in item.implements)

    def _add_object(
        self,
        name: str,
        description: str,
        fields: dict[str, FieldBase],
        bases: tuple[Any, ...],
        requires: StrEnum | None = None,
    ) -> None:
        made = [self._object_field(found) for found in fields.values()]
        self.make(name, made, description, bases=bases, directives=directives_for(requires))

    def _add_abstract(self, item: Abstract) -> None:
        if item.is_union:
            members = tuple(self.namespace.annotation(name) for name in item.members)
            self.namespace[item.name] = StrawberryUnion(item.name, members, item.description)
        elif item.name != NODE:
            shared = [self._object_field(found) for found in item.fields.values()]
            self.make(item.name, shared, item.description, is_interface=True)
        asked = [
            self.field(
                f"{each.name}Filter | None",
                f"It is of the type {each.name} and meets this.",
                name=member_key(each.name),
            )
            for each in self.registry.projections_of(item.name)
        ]
        if asked:
            text = f"Conditions on an object of {item.name}: the type that it must be of, and what it must meet."
            self._input(f"{item.name}Filter", text, asked, one_of=True)

    def _object_field(self, found: FieldBase) -> StrawberryField:
        arguments: list[StrawberryArgument] = []
        if isinstance(found, Scalar):
            annotation = self.scalar_type(found)
        elif isinstance(found, ToOne):
            annotation = f"{found.target} | None" if found.nullable else found.target
        elif isinstance(found, ToAny):
            annotation = f"{found.target} | None"
        else:
            assert isinstance(found, ToMany)
            annotation = f"{found.target}Connection"
            arguments = self.connection_arguments(found.target)
        return self.field(
            annotation,
            found.description,
            name=found.name,
            directives=directives_for(found.requires),
            deprecated=found.deprecated,
            arguments=arguments,
        )

    def _add_connection(self, item: Projection) -> None:
        guard = directives_for(item.requires)
        self.make(
            f"{item.name}Edge",
            [
                self.field(item.name, "The item.", name="node"),
                self.field(str, "Where the item lies; pass it to `after` or `before`.", name="cursor"),
            ],
            f"One {item.name} in a connection.",
            directives=guard,
        )
        self.make(
            f"{item.name}Connection",
            [
                self.field(f"list[{item.name}]", "The items of this page.", name="nodes"),
                self.field(f"list[{item.name}Edge]", "The items with their cursors.", name="edges"),
                self.field(PageInfo, "Where this page lies.", name="pageInfo"),
                self.field(int, "How many items match in all; counted only when asked for.", name="totalCount"),
            ],
            f"A page of {item.name} items.",
            directives=guard,
        )

    def _input(self, name: str, description: str, fields: list[StrawberryField], *, one_of: bool = False) -> None:
        for item in fields:
            # The dataclass default and the GraphQL default are two attributes of a Strawberry field.
            item.default = item.default_value = UNSET
        self.make(name, fields, description, is_input=True, directives=[OneOf()] if one_of else [])

    def _filter_name(self, scalar: Scalar) -> str:
        python_type = scalar.python_type
        name = f"{python_type.__name__}Filter" if is_enum(python_type) else FILTER_NAMES[python_type]
        if name not in self.namespace:
            base: Any = {UUID: strawberry.ID, list[str]: str}.get(python_type, python_type)
            lists = {"in", "notIn"}
            fields = [
                self.field(
                    (bool if operator == "isNull" else list[base] if operator in lists else base) | None,
                    OPERATOR_DESCRIPTIONS[operator],
                    name=operator,
                )
                for operator in OPERATORS[StrEnum if is_enum(python_type) else python_type]
            ]
            self._input(name, "Conditions on one value; all given must hold.", fields)
        return name

    def _add_inputs(self, item: Projection) -> None:
        self._add_filter(item)
        orders: list[StrawberryField] = []
        for found in item.fields.values():
            if isinstance(found, Scalar) and found.order:
                orders.append(self.field(OrderDirection | None, f"By: {found.description}", name=found.name))
            elif isinstance(found, ToOne):
                orders.append(self.field(f"{found.target}Order | None", f"By: {found.description}", name=found.name))
        self._input(
            f"{item.name}Order",
            f"What to order {item.name} items by; exactly one field an entry, earlier entries first.",
            orders,
            one_of=True,
        )

    def _add_filter(self, item: Projection) -> None:
        name = f"{item.name}Filter"
        conditions: list[StrawberryField] = []
        for found in item.fields.values():
            if isinstance(found, Scalar) and found.filter:
                conditions.append(self.field(f"{self._filter_name(found)} | None", found.description, name=found.name))
            elif isinstance(found, ToOne):
                text = f"There is one, and it meets this: {found.description}"
                conditions.append(self.field(f"{found.target}Filter | None", text, name=found.name))
            elif isinstance(found, ToAny) and self.registry.projections_of(found.target):
                text = f"There is one, of the type named here, and it meets this: {found.description}"
                conditions.append(self.field(f"{found.target}Filter | None", text, name=found.name))
            elif isinstance(found, ToMany):
                text = f"Whether there are such: {found.description}"
                conditions.append(self.field(f"{found.target}ListFilter | None", text, name=found.name))
        if item.searched:
            names = ", ".join(f"`{found.name}`" for found in item.searched)
            conditions.append(self.field(str | None, SEARCH_DESCRIPTION.format(names=names), name=SEARCH))
        conditions += [
            self.field(f"list[{name}] | None", "All of these hold.", name="and"),
            self.field(f"list[{name}] | None", "At least one of these holds.", name="or"),
            self.field(f"{name} | None", "This does not hold.", name="not"),
        ]
        self._input(name, f"Which {item.name} items to list; all given conditions must hold.", conditions)
        quantifiers = [
            self.field(f"{name} | None", "At least one item meets this.", name="some"),
            self.field(f"{name} | None", "No item meets this.", name="none"),
        ]
        self._input(f"{item.name}ListFilter", f"Conditions on related {item.name} items.", quantifiers)

    def add_aggregate(self, item: Projection) -> None:
        """The types of a projection's aggregate: its groupBy enum, its groups and their numbers."""
        keys, numbers = keys_of(item), numbers_of(item)
        enum = StrEnum(f"{item.name}GroupBy", {value: value for value in keys})  # type: ignore[misc]  # no literals
        texts = {value: key.description for value, key in keys.items()}
        self.namespace[enum.__name__] = describe(enum, f"What {item.name} items can be grouped by.", texts)
        groups = [
            self.field(
                date | None if key.unit else self.scalar_type(key.scalar) | None,
                f"Null unless grouped by {key.value}. {key.description}",
                name=key.name,
                directives=directives_for(key.scalar.requires),
            )
            for key in keys.values()
        ]
        groups.append(self.field(int, "How many items are in the group.", name="count"))
        if numbers:
            fields = [
                self.field(
                    Decimal | None,
                    found.description,
                    name=found.name,
                    directives=directives_for(found.requires),
                )
                for found in numbers
            ]
            guard = directives_for(item.requires)
            self.make(f"{item.name}Numbers", fields, f"Numbers over {item.name} items.", directives=guard)
            groups += [self.field(f"{item.name}Numbers", text, name=name) for name, text in NUMBERS.items()]
        guard = directives_for(item.requires)
        self.make(f"{item.name}Group", groups, f"A group of {item.name} items.", directives=guard)

    def aggregate_arguments(self, target: str) -> list[StrawberryArgument]:
        return [
            self.argument("where", f"{target}Filter | None", "Which items to count."),
            self.argument(
                "groupBy", f"list[{target}GroupBy] | None", "What to group by; without it, one group of all."
            ),
            self.argument(
                "first", int | None, "How many groups, in the order of their keys; 100 unless told, at most 1,000."
            ),
        ]

    def argument(self, name: str, annotation: Any, description: str) -> StrawberryArgument:
        return StrawberryArgument(name, name, self.namespace.annotation(annotation), description=description)

    def connection_arguments(self, target: str) -> list[StrawberryArgument]:
        return [
            self.argument("first", int | None, "How many items from the start, or after `after`."),
            self.argument("after", str | None, "Only items after this cursor."),
            self.argument("last", int | None, "How many items from the end, or before `before`."),
            self.argument("before", str | None, "Only items before this cursor."),
            self.argument("where", f"{target}Filter | None", "Which items."),
            self.argument("orderBy", f"list[{target}Order] | None", "In which order; then by id, the same way."),
        ]
