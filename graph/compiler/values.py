"""Argument values as trees whose leaves know where to read them at the next execution.

A plan is built from the first values seen and run with later ones, so a leaf carries both its value now (for the
few things that shape the statement) and a reader of it from the coerced variables.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_literal,
    get_named_type,
    get_nullable_type,
)

Variables = Mapping[str, Any]
Reader = Callable[[Variables], Any]


@dataclass(frozen=True)
class Leaf:
    """A scalar, an enum or a list of them. `source` tells equal leaves apart from different ones."""

    value: Any
    read: Reader
    source: Hashable


Tree = Leaf | dict[str, Any] | list[Any] | None  # dicts and lists hold trees again


def _at(name: str, path: tuple[str | int, ...], variables: Variables) -> Any:
    value = variables[name]
    for step in path:
        value = value[step]
    return value


def _constant(value: Any, _variables: Variables) -> Any:
    return value


def constant(value: Any, source: Hashable) -> Leaf:
    return Leaf(value, partial(_constant, value), source)


def _is_leaf_list(kind: GraphQLInputType) -> bool:
    return not isinstance(get_named_type(kind), GraphQLInputObjectType)


def from_value(kind: GraphQLInputType, value: Any, name: str, path: tuple[str | int, ...] = ()) -> Tree:
    """The tree of a coerced variable value."""
    kind = cast(GraphQLInputType, get_nullable_type(kind))
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        if _is_leaf_list(kind):
            return Leaf(value, partial(_at, name, path), (name, path))
        return [from_value(kind.of_type, item, name, (*path, index)) for index, item in enumerate(value)]
    if isinstance(kind, GraphQLInputObjectType):
        return {key: from_value(kind.fields[key].type, item, name, (*path, key)) for key, item in value.items()}
    return Leaf(value, partial(_at, name, path), (name, path))


def _has_variable(node: ValueNode) -> bool:
    if isinstance(node, ListValueNode):
        return any(_has_variable(item) for item in node.values)
    return isinstance(node, VariableNode)


def from_literal(kind: GraphQLInputType, node: ValueNode, variables: Variables) -> Tree:
    """The tree of a literal in the document, with variables inside it; Undefined variables are None in lists
    and absent in objects (the caller leaves them out)."""
    kind = cast(GraphQLInputType, get_nullable_type(kind))
    if isinstance(node, VariableNode):
        name = node.name.value
        return from_value(kind, variables.get(name), name)
    if isinstance(node, NullValueNode):
        return None
    if isinstance(kind, GraphQLList):
        nodes = node.values if isinstance(node, ListValueNode) else (node,)
        if not _is_leaf_list(kind):
            return [from_literal(kind.of_type, item, variables) for item in nodes]
        if _has_variable(node):
            leaves = [from_literal(kind.of_type, item, variables) for item in nodes]
            return _list_leaf([leaf for leaf in leaves if isinstance(leaf, Leaf)])
    if isinstance(kind, GraphQLInputObjectType) and isinstance(node, ObjectValueNode):
        return {
            field.name.value: from_literal(kind.fields[field.name.value].type, field.value, variables)
            for field in node.fields
            if not (isinstance(field.value, VariableNode) and field.value.name.value not in variables)
        }
    return constant(coerce_input_literal(node, kind), id(node))


def _list_leaf(leaves: list[Leaf]) -> Leaf:
    def read(variables: Variables) -> list[Any]:
        return [leaf.read(variables) for leaf in leaves]

    return Leaf([leaf.value for leaf in leaves], read, tuple(leaf.source for leaf in leaves))


def argument_trees(field: GraphQLField, node: FieldNode, variables: Variables) -> dict[str, Tree]:
    """The given arguments of a field; absent ones (and variables without a value) are left out."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    trees: dict[str, Tree] = {}
    for name, argument in field.args.items():
        value = given.get(name)
        if value is None or (isinstance(value, VariableNode) and value.name.value not in variables):
            if argument.default_value is not Undefined and argument.default_value is not None:
                trees[name] = constant(argument.default_value, (id(field), name))
            continue
        trees[name] = from_literal(argument.type, value, variables)
    return trees


def shape(kind: GraphQLInputType, value: Any) -> Hashable:
    """What of a value can change a statement: keys, nulls, booleans and order directions; not other scalars."""
    kind = cast(GraphQLInputType, get_nullable_type(kind))
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        return "[]" if _is_leaf_list(kind) else tuple(shape(kind.of_type, item) for item in value)
    if isinstance(kind, GraphQLInputObjectType):
        return tuple((key, shape(kind.fields[key].type, item)) for key, item in value.items())
    if isinstance(value, bool):
        return value
    if isinstance(value, Enum) and get_named_type(kind).name == "OrderDirection":
        return str(value.value)
    return "*"
