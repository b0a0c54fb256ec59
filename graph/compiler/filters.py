"""`where` to SQL. Two-valued on purpose: null equals nothing, differs from everything, and `not` turns exactly that."""

from collections.abc import Callable, Hashable
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from domain.errors import BadUserInputError
from graph.compiler.abstract import ToAny, member_of
from graph.compiler.expressions import Row
from graph.compiler.keyset import cast_of
from graph.compiler.projection import SEARCH, FieldBase, Scalar, ToMany, ToOne
from graph.compiler.types import is_enum
from graph.compiler.values import Leaf, Tree
from graph.core import ids


class Params(Protocol):
    def leaf(
        self, leaf: Leaf, cast: str, convert: Callable[[Any], Any] | None = None, *, part: Hashable = None
    ) -> str: ...


class Scope(Protocol):
    """What a filter is built in: parameters, the SQL of a row's field, and of "a related row meets this"."""

    @property
    def slots(self) -> Params: ...

    def filtered(self, row: Row, scalar: Scalar) -> str: ...

    def exists(self, row: Row, edge: ToOne | ToMany, tree: Tree) -> str: ...

    def search(self, row: Row, leaf: Leaf) -> str: ...

    def exists_any(self, row: Row, edge: ToAny, member: str, tree: Tree) -> str: ...


MAX_SEARCH = 200


def check_text(value: str) -> str:
    """PostgreSQL's text holds every character but NUL."""
    if "\x00" in value:
        raise BadUserInputError("A text holds the character U+0000, which cannot be stored or compared: remove it.")
    return value


def check_search(value: str) -> str:
    if len(value) > MAX_SEARCH:
        raise BadUserInputError(f"`search` has {len(value)} characters: search for at most {MAX_SEARCH}.")
    return check_text(value)


def check_time(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise BadUserInputError(f"The time {value.isoformat()} names no offset: write it as in 2026-01-31T12:00:00Z.")
    return value


def converter(scalar: Scalar) -> Callable[[Any], Any] | None:
    """What makes a coerced GraphQL value the parameter that PostgreSQL gets."""
    if scalar.python_type is UUID:
        prefix = scalar.id_prefix or ""
        return lambda text: ids.decode(prefix, text)
    if scalar.parts:
        return lambda text: ids.encode(*ids.parse(text))
    if is_enum(scalar.python_type):
        return lambda member: str(member.value) if isinstance(member, StrEnum) else str(member)
    if scalar.python_type in (str, list[str]):
        return check_text
    return check_time if scalar.python_type is datetime else None


def _listed(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return (lambda values: [convert(value) for value in values]) if convert else None


COMPARISONS = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "ne": "IS DISTINCT FROM"}
PATTERNS = {
    "startsWith": "starts_with({sql}, {value})",
    "contains": "strpos(lower({sql}), lower({value})) > 0",
    "has": "{value} = ANY({sql})",
}


def _condition(params: Params, scalar: Scalar, sql: str, operator: str, leaf: Leaf) -> str:
    if operator == "isNull":
        return f"{sql} IS {'' if leaf.value else 'NOT '}NULL"
    kind, convert = cast_of(scalar.python_type), converter(scalar)
    if operator in ("in", "notIn"):
        many = params.leaf(leaf, f"{kind}[]", _listed(convert), part=scalar.id_prefix)
        return f"{sql} = ANY({many})" if operator == "in" else f"({sql} = ANY({many})) IS NOT TRUE"
    value = params.leaf(leaf, "text" if operator == "has" else kind, convert, part=scalar.id_prefix)
    if operator in COMPARISONS:
        return f"{sql} {COMPARISONS[operator]} {value}"
    return PATTERNS[operator].format(sql=sql, value=value)


def _by_index(params: Params, row: Row, scalar: Scalar, operator: str, leaf: Leaf) -> list[str]:
    """Of an id of any type: its columns compared one by one, which is what an index can find."""
    if scalar.parts is None or operator not in ("eq", "in"):
        return []
    made = []
    for part, (name, kind) in enumerate(zip(scalar.parts, ("text", "uuid"), strict=True)):
        convert, source = partial(_part, part), ("part", part)
        if operator == "eq":
            made.append(f"{row.column(name)} = {params.leaf(leaf, kind, convert, part=source)}")
        else:
            made.append(f"{row.column(name)} = ANY({params.leaf(leaf, f'{kind}[]', _listed(convert), part=source)})")
    return made


def _part(part: int, text: str) -> Any:
    return ids.parse(text)[part]


def where_sql(scope: Scope, row: Row, tree: Tree) -> str:
    """SQL of a filter tree over a row; "true" when it asks nothing."""
    parts: list[str] = []
    assert isinstance(tree, dict)
    for name, value in tree.items():
        if value is None:
            continue
        if name in ("and", "or"):
            inner = [where_sql(scope, row, item) for item in value]
            empty = "true" if name == "and" else "false"
            parts.append("(" + f" {name.upper()} ".join(inner) + ")" if inner else empty)
        elif name == SEARCH:
            parts.append(scope.search(row, value))
        elif name == "not":
            parts.append(f"({where_sql(scope, row, value)}) IS NOT TRUE")
        else:
            parts += _on_field(scope, row, row.projection.fields[name], value)
    return "(" + " AND ".join(parts) + ")" if parts else "true"


def _on_field(scope: Scope, row: Row, found: FieldBase, value: dict[str, Tree]) -> list[str]:
    if isinstance(found, ToOne):
        return [scope.exists(row, found, value)]
    if isinstance(found, ToAny):
        return [scope.exists_any(row, found, member_of(key), tree) for key, tree in value.items()]
    if isinstance(found, ToMany):
        return [
            ("NOT " if quantifier == "none" else "") + scope.exists(row, found, tree)
            for quantifier, tree in value.items()
            if tree is not None
        ]
    assert isinstance(found, Scalar)
    parts = []
    for operator, leaf in value.items():
        if not isinstance(leaf, Leaf):
            raise BadUserInputError(
                f"`{found.name}: {{{operator}: null}}` compares with null: use `isNull`, or leave `{operator}` out."
            )
        parts += _by_index(scope.slots, row, found, operator, leaf)
        parts.append(_condition(scope.slots, found, scope.filtered(row, found), operator, leaf))
    return parts
