"""Walks the schema: how to reach every field, what a field's arguments may be."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

VALUES = {
    "String": '"x"',
    "Int": "1",
    "Float": "1.5",
    "Boolean": "true",
    "Date": '"2026-01-31"',
    "DateTime": '"2026-01-31T12:00:00Z"',
    "Time": '"09:00:00"',
    "Decimal": '"1.5"',
    "JSON": "{}",
}


def literal(kind: GraphQLInputType, an_id: str, *, everything: bool = False) -> str:
    """A literal of this type in which every id is `an_id`; optional inputs are left out unless they hold ids."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type, an_id, everything=everything)
    if isinstance(kind, GraphQLList):
        return f"[{literal(kind.of_type, an_id, everything=everything)}]"
    if isinstance(kind, GraphQLInputObjectType):
        given = [
            f"{name}: {literal(field.type, an_id, everything=everything)}"
            for name, field in kind.fields.items()
            if is_required_input_field(field) or (everything and holds_id(field.type))
        ]
        return "{" + ", ".join(given) + "}"
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return f'"{an_id}"' if kind.name == "ID" else VALUES[kind.name]


def holds_id(kind: GraphQLInputType) -> bool:
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return not named.name.endswith("Filter") and any(holds_id(field.type) for field in named.fields.values())
    return named.name == "ID"


def call(name: str, field: GraphQLField, an_id: str, *, everything: bool = False) -> str:
    """`name(arguments)` with what the field needs."""
    given = [
        f"{key}: {literal(argument.type, an_id, everything=everything)}"
        for key, argument in field.args.items()
        if is_required_argument(argument) or (everything and holds_id(argument.type))
    ]
    return f"{name}({', '.join(given)})" if given else name


@dataclass(frozen=True)
class Step:
    """A field, and the selection around it that leads there from the root."""

    path: tuple[tuple[str, str], ...]  # (type, field) of every field touched, this one last
    before: str
    after: str

    @property
    def document(self) -> str:
        return self.before + self.after


def every_field(schema: GraphQLSchema, root: GraphQLObjectType, word: str, an_id: str) -> Iterator[Step]:
    """Each field of each object type reachable from the root, by a shortest way."""
    seen = {root.name}
    queue: deque[tuple[GraphQLObjectType, tuple[tuple[str, str], ...], str, str]] = deque()
    queue.append((root, (), f"{word} {{ ", " }"))
    while queue:
        kind, path, before, after = queue.popleft()
        for name, field in kind.fields.items():
            here = (*path, (kind.name, name))
            target = get_named_type(field.type)
            called = call(name, field, an_id)
            selection = " { __typename }" if is_composite_type(target) else ""
            yield Step(here, before + called + selection, after)
            if isinstance(target, GraphQLObjectType) and target.name not in seen:
                seen.add(target.name)
                queue.append((target, here, f"{before}{called} {{ ", f" }}{after}"))
            elif is_abstract_type(target) and kind is not root:
                # Below the root an object of any type may stand there; `node` finds one of the id's type only.
                for each in schema.get_possible_types(target):
                    if each.name not in seen:
                        seen.add(each.name)
                        queue.append((each, here, f"{before}{called} {{ ... on {each.name} {{ ", f" }} }}{after}"))


def everything(
    kind: GraphQLObjectType,
    an_id: str,
    depth: int,
    inside: tuple[str, ...] = (),
    schema: GraphQLSchema | None = None,
    *,
    branch: bool = False,
) -> str:
    """A selection of every field of a type, to a depth, lists of fifty; with the schema, also of every type that an
    interface or union may be. In a branch names begin with the type, so that fragments on different types never
    clash."""
    parts = ["__typename"]
    within = (*inside, kind.name)
    for name, field in kind.fields.items():
        target: Any = get_named_type(field.type)
        called = call(name, field, an_id)
        if "first" in field.args:
            called = f"{name}(first: 50)"
        if branch:
            called = f"{kind.name}_{name}: {called}"
        if not is_composite_type(target):
            parts.append(called)
        elif isinstance(target, GraphQLObjectType) and depth > 0 and name != "edges" and target.name not in inside:
            parts.append(f"{called} {{ {everything(target, an_id, depth - 1, within, schema)} }}")
        elif is_abstract_type(target) and schema is not None and depth > 0:
            branches = [
                f"... on {each.name} {{ {everything(each, an_id, min(depth, 2) - 1, within, schema, branch=True)} }}"
                for each in schema.get_possible_types(target)
            ]
            parts.append(f"{called} {{ __typename {' '.join(branches)} }}")
    return " ".join(parts)
