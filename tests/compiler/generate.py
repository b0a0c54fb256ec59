"""Generates valid operations over the schema: fragments, aliases, variables, directives, pages, filters, orders."""

import json
import random
import re
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry

from graph.compiler.abstract import NODE, ToAny, member_key
from graph.compiler.grouping import NUMBERS, keys_of, numbers_of
from graph.compiler.projection import Projection, Scalar, ToMany, ToOne
from graph.compiler.roots import Root
from graph.compiler.types import FILTER_NAMES, OPERATORS, is_enum
from graph.schema import BuiltSchema
from tests.compiler.reference import Object, Reference
from tests.compiler.values import key_shown

LONG = "a_response_key_that_is_longer_than_the_sixty_three_bytes_of_an_identifier_of_postgresql"
# Longer than an identifier, or a word or a name that the statement uses itself.
UNUSUAL = [LONG, "SELECT", "t1", "p1", "_", "r", "__proto__"]

SPREAD = re.compile(r"\.\.\.(F\d+)")
VARIABLE = re.compile(r"\$(v\d+)\b")


@dataclass(frozen=True)
class Enum:
    """A bare word in a document, a string in variables."""

    name: str


@dataclass
class Generator:
    """One operation; `random` decides, so that hypothesis can shrink it."""

    built: BuiltSchema
    reference: Reference
    random: random.Random
    allowed: frozenset[str]
    definitions: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    preferred: Set[tuple[str, str]] = frozenset()  # (type, field) of edges that filters should follow

    def operation(self) -> tuple[str, dict[str, Any]]:
        roots = [root for root in self.built.roots.values() if root.target is None or self.open(root.target)]
        chosen = [self.root(self.random.choice(roots), index) for index in range(self.chance_count(3))]
        if self.chance(0.2):
            chosen.append("kind: __typename")
        if self.chance(0.1):
            name = self.random.choice([*self.built.registry.by_name, *self.built.registry.abstracts, "PageInfo"])
            asked = f"__type(name: {self.argument('String!', name)}) {{ name kind description fields {{ name }} }}"
            chosen.insert(self.random.randint(0, len(chosen)), f"introspected: {asked}")
        return self.assembled(" ".join(chosen))

    def assembled(self, text: str) -> tuple[str, dict[str, Any]]:
        """The operation with just the fragments and variables that its text uses: some parts were left out."""
        named = {f"F{index}": body for index, body in enumerate(self.fragments)}
        used: dict[str, str] = {}
        waiting = SPREAD.findall(text)
        while waiting:
            name = waiting.pop()
            if name not in used:
                used[name] = named[name]
                waiting += SPREAD.findall(named[name])
        whole = text + " ".join(used.values())
        names = set(VARIABLE.findall(whole))
        declared = ", ".join(each for each in self.definitions if each[1:].partition(":")[0] in names)
        header = f"query Generated({declared})" if declared else "query Generated"
        variables = {name: value for name, value in self.variables.items() if name in names}
        return f"{header} {{ {text} }} " + " ".join(used.values()), variables

    def chance(self, likely: float) -> bool:
        return self.random.random() < likely

    def chance_count(self, most: int) -> int:
        return self.random.randint(1, most)

    def open(self, item: Projection) -> bool:
        return item.requires is None or item.requires in self.allowed

    # -- arguments -------------------------------------------------------------------------------------------

    def argument(self, kind: str, value: Any) -> str:
        """A literal, or a variable of this GraphQL type."""
        if self.chance(0.4):
            name = f"v{len(self.variables)}"
            self.definitions.append(f"${name}: {kind}")
            self.variables[name] = plain(value)
            return f"${name}"
        return literal(value)

    def row(self, item: Projection) -> Object | None:
        rows = self.reference.rows(item)
        return self.random.choice(rows) if rows else None

    def root(self, root: Root, index: int) -> str:
        key = f"r{index}" if self.chance(0.8) else f"{self.random.choice(UNUSUAL)}_{index}"
        if root.kind == "self":
            assert root.target
            return f"{key}: {root.name} {self.selection(root.target, 3)}"
        if root.kind == "many":
            assert root.target
            return f"{key}: {root.name}{self.connection(root.target, 3)}"
        if root.kind == "aggregate":
            assert root.target
            return f"{key}: {self.aggregate(root.name, root.target)}"
        if root.kind == "nodes":
            ids = [text for _ in range(self.random.randint(0, 4)) if (text := self.some_id(self.any_open()))]
            return f"{key}: nodes(ids: {self.argument('[ID!]!', ids)}) {self.node_selection()}"
        target = root.target or self.any_open()
        text = self.some_id(target) or f"{target.prefix}_{UUID(int=0)}"
        selection = self.selection(target, 3) if root.target else self.node_selection()
        return f"{key}: {root.name}(id: {self.argument('ID!', text)}) {selection}"

    def any_open(self) -> Projection:
        return self.random.choice([item for item in self.built.registry.by_name.values() if self.open(item)])

    def some_id(self, item: Projection) -> str | None:
        if self.chance(0.1):
            return f"{item.prefix}_{UUID(int=self.random.getrandbits(120))}"
        found = self.row(item)
        return f"{item.prefix}_{found.row.id}" if found else None

    def node_selection(self) -> str:
        return self.any_selection(NODE, 2)

    def any_selection(self, name: str, depth: int) -> str:
        """Fields of an interface, and fragments on types and interfaces of what it may be."""
        registry = self.built.registry
        abstract = registry.abstracts[name]
        shared = ["id"] if name == NODE else [f"{name}_{each}: {each}" for each in abstract.fields]
        parts = [part for part in ["__typename", *shared] if self.chance(0.6)]
        for member in self.random.sample(abstract.members, min(len(abstract.members), self.chance_count(3))):
            if member in registry.facets:
                fields = [f"{member}_{each}: {each}" for each in registry.facets[member].fields]
                parts.append(f"... on {member} {{ __typename {' '.join(fields)} }}")
            elif self.open(registry.by_name[member]):
                parts.append(self.fragment_on(member, self.selection(registry.by_name[member], depth - 1)))
        others = [each for each in registry.abstracts.values() if set(each.members) & set(abstract.members)]
        if others and self.chance(0.4):
            other = self.random.choice(others)
            fields = ["id"] if other.name == NODE else [f"{other.name}_{each}: {each}" for each in other.fields]
            parts.append(self.fragment_on(other.name, f"{{ on_{other.name}: __typename {' '.join(fields)} }}"))
        self.random.shuffle(parts)
        return "{ " + (" ".join(parts) or "__typename") + " }"

    def fragment_on(self, name: str, selection: str) -> str:
        if self.chance(0.7):
            return f"... on {name}{self.directive()} {selection}"
        self.fragments.append(f"fragment F{len(self.fragments)} on {name} {selection}")
        return f"...F{len(self.fragments) - 1}{self.directive()}"

    # -- selections ------------------------------------------------------------------------------------------

    def selection(self, item: Projection, depth: int) -> str:
        parts: list[str] = []
        fields = [found for found in item.fields.values() if self.may(found)]
        for found in self.random.sample(fields, min(len(fields), self.chance_count(6))):
            if isinstance(found, Scalar):
                key = f"{item.prefix}_{found.name}"
                parts.append(f"{self.alias(key, len(parts))}{found.name}{self.directive()}")
            elif depth > 0:
                parts.append(self.edge(found, item, depth, len(parts)))
        if not parts or self.chance(0.2):
            parts.append(f"{item.prefix}_t{len(parts)}: __typename")
        text = " ".join(parts)
        if self.chance(0.15):
            name = f"F{len(self.fragments)}"
            self.fragments.append("")  # hold the place: nested fragments come after
            self.fragments[int(name[1:])] = f"fragment {name} on {item.name} {{ {text} }}"
            # Some fields twice, in the fragment and beside it: they must merge.
            return f"{{ ...{name} {parts[0] if self.chance(0.5) else ''} }}"
        if self.chance(0.1):
            return f"{{ {item.prefix}_own: __typename ... on {item.name} {{ {text} }} ... {{ {parts[-1]} }} }}"
        return f"{{ {text} }}"

    def may(self, found: Any) -> bool:
        if found.requires is not None and found.requires not in self.allowed:
            return False
        if isinstance(found, ToAny):
            return True
        return isinstance(found, Scalar) or self.open(self.built.registry.by_name[found.target])

    def alias(self, key: str, position: int) -> str:
        # Always an alias that names the type, so that fragments on different types never clash.
        if self.chance(0.04):
            return f"{self.random.choice(UNUSUAL)}_{position}_{key}: "
        return f"{key}_{position}: "

    def directive(self) -> str:
        if not self.chance(0.12):
            return ""
        word, value = self.random.choice(["skip", "include"]), self.chance(0.5)
        return f" @{word}(if: {self.argument('Boolean!', value)})"

    def edge(self, found: Any, item: Projection, depth: int, position: int) -> str:
        name = f"{item.prefix}_{found.name}_{position}: {found.name}"
        if isinstance(found, ToAny):
            return f"{name}{self.directive()} {self.any_selection(found.target, depth)}"
        target = self.built.registry.by_name[found.target]
        if isinstance(found, ToOne):
            return f"{name}{self.directive()} {self.selection(target, depth - 1)}"
        return f"{name}{self.connection(target, depth - 1)}"

    def aggregate(self, name: str, item: Projection) -> str:
        keys = {value: key for value, key in keys_of(item).items() if self.may(key.scalar)}
        wanted = [Enum(self.random.choice(list(keys))) for _ in range(self.random.randint(0, 2))]
        arguments = [f"groupBy: {self.argument(f'[{item.name}GroupBy!]', wanted)}"] if self.chance(0.8) else []
        if self.chance(0.5):
            arguments.append(f"where: {self.argument(f'{item.name}Filter', self.where(item, 2))}")
        if self.chance(0.3):
            arguments.append(f"first: {self.argument('Int', self.random.choice([0, 1, 3, 1000]))}")
        called = f"{name}({', '.join(arguments)})" if arguments else name
        fields = ["count", "__typename", *(key.name for key in keys.values())]
        numbers = [found.name for found in numbers_of(item) if self.may(found)]
        if numbers:
            inside = " ".join(self.random.sample(numbers, self.random.randint(1, len(numbers))))
            fields += [f"{function} {{ {inside} }}" for function in NUMBERS]
        return f"{called} {{ {' '.join(self.random.sample(fields, self.random.randint(1, min(5, len(fields)))))} }}"

    # -- connections -----------------------------------------------------------------------------------------

    def connection(self, item: Projection, depth: int) -> str:
        arguments = []
        order_by = self.order_by(item) if self.chance(0.6) else None
        if order_by:
            arguments.append(f"orderBy: {self.argument(f'[{item.name}Order!]', order_by)}")
        if self.preferred or self.chance(0.5):
            arguments.append(f"where: {self.argument(f'{item.name}Filter', self.where(item, 2))}")
        if self.chance(0.7):
            size = self.random.choice([0, 1, 2, 3, 7, 50])
            arguments.append(f"{self.random.choice(['first', 'last'])}: {self.argument('Int', size)}")
        if self.chance(0.3) and (found := self.row(item)):
            cursor = self.reference.cursor(item, self.reference.order(item, plain(order_by or [])), found)
            arguments.append(f"{self.random.choice(['after', 'before'])}: {self.argument('String', cursor)}")
        listed = f"({', '.join(arguments)})" if arguments else ""
        return f"{listed}{self.directive()} {{ {self.connection_fields(item, depth)} }}"

    def connection_fields(self, item: Projection, depth: int) -> str:
        page_info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename }"
        parts = [
            f"nodes {self.selection(item, depth)}",
            f"edges {{ cursor node {self.selection(item, depth)} __typename }}",
            page_info if self.chance(0.7) else "page: pageInfo { endCursor hasNextPage }",
            f"totalCount{self.directive()}",
            "__typename",
        ]
        return " ".join(self.random.sample(parts, self.chance_count(3)))

    def order_by(self, item: Projection) -> list[dict[str, Any]]:
        return [self.order_entry(item, 2) for _ in range(self.chance_count(3))]

    def order_entry(self, item: Projection, depth: int) -> dict[str, Any]:
        edges = [f for f in item.fields.values() if isinstance(f, ToOne) and self.may(f)]
        if depth and edges and self.chance(0.2):
            edge = self.random.choice(edges)
            return {edge.name: self.order_entry(self.built.registry.by_name[edge.target], depth - 1)}
        names = [f.name for f in item.fields.values() if isinstance(f, Scalar) and f.order and self.may(f)]
        return {self.random.choice(names): Enum(self.random.choice(["ASC", "DESC"]))}

    def where(self, item: Projection, depth: int) -> dict[str, Any]:
        fields = [f for f in item.fields.values() if isinstance(f, Scalar) and f.filter and self.may(f)]
        made: dict[str, Any] = {}
        for found in self.random.sample(fields, min(len(fields), self.random.randint(0, 2))):
            made[found.name] = self.condition(item, found)
        edges = [f for f in item.fields.values() if isinstance(f, ToOne | ToMany) and self.may(f)]
        asked = [f for f in edges if (f"{item.name}Filter", f.name) in self.preferred]
        if depth and edges and (asked or self.chance(0.3)):
            edge = self.random.choice(asked or edges)
            inside = self.where(self.built.registry.by_name[edge.target], depth - 1)
            made[edge.name] = inside if isinstance(edge, ToOne) else {self.random.choice(["some", "none"]): inside}
        if any(self.may(found) for found in item.searched) and self.chance(0.3):
            made["search"] = self.searched(item)
        anys = [f for f in item.fields.values() if isinstance(f, ToAny) and self.members(f)]
        if depth and anys and self.chance(0.3 if not self.preferred else 0.8):
            edge_to = self.random.choice(anys)
            member = self.random.choice(self.members(edge_to))
            made[edge_to.name] = {member_key(member.name): self.where(member, depth - 1)}
        if depth and self.chance(0.4):
            word = self.random.choice(["and", "or", "not"])
            inner = [self.where(item, depth - 1) for _ in range(self.random.randint(0, 2))]
            made[word] = self.where(item, depth - 1) if word == "not" else inner
        return made

    def searched(self, item: Projection) -> str:
        """Pieces of what is there, differently written, or of nothing."""
        if self.chance(0.1):
            return self.random.choice(["", " - ", "nowhere", "%", "_", "d a"])
        pieces: list[str] = []
        for _ in range(self.chance_count(2)):
            source, found = self.row(item), self.random.choice(item.searched)
            text = str((self.reference.value(source, found) if source else None) or "x")
            start = self.random.randint(0, max(0, len(text) - 2))
            piece = text[start : start + self.random.randint(1, 6)]
            pieces.append(
                self.random.choice([piece, piece.swapcase(), piece.replace("-", ""), f"{piece[:1]}.{piece[1:]}"])
            )
        return self.random.choice([" ", "  ", "\t"]).join(pieces)

    def members(self, edge: ToAny) -> list[Projection]:
        """What a filter may ask of an edge to several types."""
        return [item for item in self.built.registry.projections_of(edge.target) if self.open(item)]

    def condition(self, item: Projection, found: Scalar) -> dict[str, Any]:
        kind = "enum" if is_enum(found.python_type) else found.python_type
        operators = OPERATORS[next(k for k in OPERATORS if k == kind or (kind == "enum" and k not in FILTER_NAMES))]
        operator = self.random.choice(operators)
        if operator == "isNull":
            return {operator: self.chance(0.5)}
        if operator in ("in", "notIn"):
            return {operator: [self.operand(item, found) for _ in range(self.random.randint(0, 3))]}
        operand = self.operand(item, found)
        if operator in ("startsWith", "contains"):
            start = self.random.randint(0, 2)
            operand = operand[:3] if operator == "startsWith" else operand[start : start + 2].swapcase()
        return {operator: operand}

    def operand(self, item: Projection, found: Scalar) -> Any:
        source = self.row(item)
        value = self.reference.value(source, found) if source else None
        if found.python_type == list[str]:
            return value[0] if value else "nothing"
        if value is None:
            value = SAMPLES.get(found.python_type, "")
        if is_enum(found.python_type):
            return Enum(str(value) or next(iter(found.python_type)).value)
        if isinstance(value, UUID):
            return f"{found.id_prefix}_{value}"
        return value if isinstance(value, str | int) else key_shown(value)


SAMPLES: dict[Any, Any] = {
    str: "D",
    int: 3,
    bool: True,
    UUID: UUID(int=1),
    strawberry.ID: f"ac_{UUID(int=1)}",
    Decimal: Decimal("1.5"),
    date: date(2026, 1, 31),
    datetime: datetime.fromisoformat("2026-01-31T12:00:00+00:00"),
}


def plain(value: Any) -> Any:
    """The value as JSON variables have it."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def literal(value: Any) -> str:
    """The value as a GraphQL literal."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
