"""A parsed and validated operation, and what it is compiled against."""

import contextlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from graphql import (
    SKIP,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLID,
    GraphQLInputType,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_nullable_type,
    is_non_null_type,
    type_from_ast,
    visit,
)
from graphql.execution.collect_fields import FragmentDetails

from domain.errors import BadUserInputError
from graph.compiler import keyset
from graph.compiler.registry import Registry
from graph.compiler.roots import Root
from graph.compiler.values import shape
from graph.core import ids
from graph.cost import bucket
from graph.directives.access import AccessMap

PLANS_KEPT = 64
MAX_NODES = 100


@dataclass
class World:
    """What every operation is compiled against."""

    schema: GraphQLSchema
    registry: Registry
    roots: dict[str, Root]
    access: AccessMap
    default_page_size: int = 20
    max_page_size: int = 100
    max_rows: int = 50_000
    # SQL of the organization's time zone, given its id.
    time_zone: str = "'UTC'"
    # Tests take the application's own tenant predicate away to show that row-level security holds alone.
    tenant_predicate: bool = True


def _fields(selections: SelectionSetNode) -> Iterator[FieldNode]:
    stack = [selections]
    while stack:
        for selection in stack.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                stack.append(selection.selection_set)


# Arguments whose value (or the part named here) shapes the statement.
SHAPING: dict[str, str] = {"first": "size", "last": "size", "after": "cursor", "before": "cursor", "groupBy": "values"}
NODE_FIELDS = {"node", "nodes"}


# A variable of a built-in scalar type: its name, whether a value is just that, whether it must be given.
PlainVariable = tuple[str, Callable[[Any], bool], bool]
PLAIN: dict[str, Callable[[Any], bool]] = {
    "ID": lambda value: type(value) is str,
    "String": lambda value: type(value) is str,
    "Boolean": lambda value: type(value) is bool,
    "Int": lambda value: type(value) is int and -(2**31) <= value < 2**31,
}


def _plain(definitions: Sequence[VariableDefinitionNode], types: dict[str, Any]) -> tuple[PlainVariable, ...] | None:
    made: list[PlainVariable] = []
    for definition in definitions:
        name = definition.variable.name.value
        fits = PLAIN.get(str(get_nullable_type(types[name])))
        if fits is None or definition.default_value is not None:
            return None
        made.append((name, fits, is_non_null_type(types[name])))
    return tuple(made)


@dataclass
class Prepared:
    """One operation of a document; keeps its own compiled plans."""

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    shapes: dict[str, Callable[[Any], Hashable]]
    plain: tuple[PlainVariable, ...] | None
    plans: "OrderedDict[Hashable, Any]" = field(default_factory=OrderedDict)

    @property
    def kind(self) -> OperationType:
        return self.operation.operation

    @property
    def name(self) -> str | None:
        return self.operation.name.value if self.operation.name else None

    @property
    def source(self) -> str:
        """The text of the document."""
        assert self.document.loc is not None
        return self.document.loc.source.body

    @cached_property
    def times_used(self) -> Counter[str]:
        """How often each variable stands in the document, definitions left aside."""
        found: Counter[str] = Counter()

        class Uses(Visitor):
            def enter_variable_definition(self, *_: Any) -> Any:
                return SKIP

            def enter_variable(self, node: VariableNode, *_: Any) -> None:
                found[node.name.value] += 1

        visit(self.document, Uses())
        return found

    def coerced_plainly(self, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """The coerced variables when each is of a built-in scalar type and given as just that; None when
        graphql-core must look (and find the words for what is wrong). It saves a known operation 10 µs."""
        if self.plain is None:
            return None
        coerced: dict[str, Any] = {}
        for name, fits, required in self.plain:
            value = inputs.get(name)
            if value is None:
                if required:
                    return None
                if name in inputs:
                    coerced[name] = None
            elif fits(value):
                coerced[name] = value
            else:
                return None
        return coerced

    def plan_key(self, variables: dict[str, Any]) -> Hashable:
        """Equal for variables that lead to the same statement."""
        return tuple([(name, of(variables[name])) for name, of in self.shapes.items() if name in variables])

    def remember(self, key: Hashable, plan: Any) -> None:
        self.plans[key] = plan
        while len(self.plans) > PLANS_KEPT:
            self.plans.popitem(last=False)


def _shape_of_plain(value: Any) -> Hashable:
    return value is None


def _shapes(types: dict[str, GraphQLInputType], uses: dict[str, set[str]]) -> dict[str, Callable[[Any], Hashable]]:
    """What of each variable's value leads to another statement; of most only whether it is null."""
    plain = {GraphQLID, GraphQLString, GraphQLInt}
    return {
        name: _shape_of_plain
        if not uses[name] and get_nullable_type(kind) in plain
        else partial(_shape_of_use, kind, frozenset(uses[name]))
        for name, kind in types.items()
    }


def _shape_of_use(kind: GraphQLInputType, uses: frozenset[str], value: Any) -> Hashable:
    if not uses or value is None:
        return shape(kind, value)
    parts: list[Hashable] = [shape(kind, value)]
    if "size" in uses:
        parts.append(value)
    if "values" in uses:
        parts.append(tuple(value) if isinstance(value, list) else value)
    if "cursor" in uses:
        # A subscription's `after` is a cursor of the log and no connection's; a connection refuses what is none.
        with contextlib.suppress(BadUserInputError):
            parts.append(keyset.null_mask(value))
    if "id" in uses:
        values = value if isinstance(value, list) else [value]
        parts.append(tuple(sorted({ids.prefix_of(item) for item in values})))
        # How many decides what it costs, and whether it is refused.
        parts.append(bucket(len(values)) if len(values) <= MAX_NODES else None)
    return tuple(parts)


def _variables_in(node: Any) -> Iterator[str]:
    if isinstance(node, VariableNode):
        yield node.name.value
    for item in getattr(node, "values", ()):
        yield from _variables_in(item)


def prepare(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Prepared:
    """An operation of a valid document, ready to be planned."""
    fragments = {
        item.name.value: FragmentDetails(item)
        for item in document.definitions
        if isinstance(item, FragmentDefinitionNode)
    }
    types: dict[str, GraphQLInputType] = {}
    for definition in operation.variable_definitions or ():
        kind: Any = type_from_ast(schema, definition.type)
        types[definition.variable.name.value] = kind
    uses: dict[str, set[str]] = {name: set() for name in types}
    for definition_set in [
        operation.selection_set,
        *(item.definition.selection_set for item in fragments.values()),
    ]:
        for node in _fields(definition_set):
            for argument in node.arguments or ():
                use = SHAPING.get(argument.name.value)
                if use is None and node.name.value in NODE_FIELDS:
                    use = "id"
                for name in _variables_in(argument.value):
                    if use and name in uses:
                        uses[name].add(use)
    plain = _plain(operation.variable_definitions or (), types)
    return Prepared(document, operation, fragments, _shapes(types, uses), plain)
