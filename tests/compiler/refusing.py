"""What the reference refuses: operations that touch a field whose `@requires`, as printed, the caller does not meet.

A field is touched when it is selected under the types that can stand there, filtered by, ordered by or grouped by.
Following an edge in a filter or order tells whether something is there, so it touches the other type's id.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SelectionSetNode,
    get_argument_values,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.values import VariableValues, get_variable_values

from graph.compiler.abstract import ToAny, member_of
from graph.compiler.grouping import keys_of
from graph.compiler.projection import SEARCH, FieldBase, ToMany, ToOne
from graph.schema import BuiltSchema


@dataclass
class Touched:
    """Walks one operation; `places` are the (type, field) it touches."""

    built: BuiltSchema
    schema: GraphQLSchema
    inputs: dict[str, Any]
    variables: VariableValues | None = None
    fragments: dict[str, FragmentDefinitionNode] = field(default_factory=dict)
    places: set[tuple[str, str]] = field(default_factory=set)
    held: frozenset[str] = frozenset()

    def missing(self, document: DocumentNode, permissions: frozenset[str]) -> set[str]:
        """The permissions that the operation needs and the caller lacks."""
        definitions = document.definitions
        self.fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
        operation = next(each for each in definitions if isinstance(each, OperationDefinitionNode))
        coerced = get_variable_values(self.schema, operation.variable_definitions or (), self.inputs)
        assert isinstance(coerced, VariableValues), coerced
        self.variables, self.held = coerced, permissions
        assert self.schema.query_type
        self.walk([self.schema.query_type], operation.selection_set)
        return {name for place in self.places for name in self.required(*place)} - permissions

    def required(self, kind: str, name: str) -> Iterator[str]:
        found = self.schema.type_map.get(kind)
        if not isinstance(found, GraphQLObjectType) or name not in found.fields:
            return
        for node in (found.ast_node, found.fields[name].ast_node):
            for directive in (node.directives if node else None) or ():
                if directive.name.value == "requires":
                    values: list[Any] = [argument.value for argument in directive.arguments or ()]
                    yield from (value.value for value in values)

    def walk(self, kinds: Iterable[GraphQLObjectType], selections: SelectionSetNode) -> None:
        """Touches what is selected where any of these object types can stand."""
        for kind in kinds:
            for node, _ in self.fields(kind, selections):
                self.select(kind, node)

    def walk_edge(self, kinds: Iterable[GraphQLObjectType], selections: SelectionSetNode) -> None:
        """The same where an edge leads to one of them: what is closed to the caller is null there, and refused only
        when a fragment on just that type asks for it."""
        for kind in kinds:
            item = self.built.registry.by_name.get(kind.name)
            if item is None or item.requires is None or item.requires in self.held:
                self.walk([kind], selections)
            elif any(inside for _, inside in self.fields(kind, selections)):
                self.places.add((kind.name, "id"))

    def fields(
        self, kind: GraphQLObjectType, selections: SelectionSetNode, inside: bool = False
    ) -> Iterator[tuple[FieldNode, bool]]:
        """The fields selected on an object type, each with whether it stands in a fragment on just this type."""
        for selection in selections.selections:
            if not all(self.included(directive) for directive in selection.directives or ()):
                continue
            if isinstance(selection, FieldNode):
                yield selection, inside
                continue
            found: Any = selection
            if isinstance(selection, FragmentSpreadNode):
                found = self.fragments[selection.name.value]
            condition = found.type_condition
            name = condition.name.value if condition else None
            if name is None or self.applies(self.schema.type_map[name], kind):
                yield from self.fields(kind, found.selection_set, inside or name == kind.name)

    def applies(self, condition: GraphQLNamedType, kind: GraphQLObjectType) -> bool:
        if isinstance(condition, GraphQLInterfaceType | GraphQLUnionType):
            return self.schema.is_sub_type(condition, kind)
        return condition is kind

    def included(self, directive: DirectiveNode) -> bool:
        definition = self.schema.get_directive(directive.name.value)
        assert definition
        given = get_argument_values(definition, directive, self.variables)["if"]
        return bool(given) == (directive.name.value == "include")

    def select(self, kind: GraphQLObjectType, node: FieldNode) -> None:
        name = node.name.value
        self.places.add((kind.name, name))
        definition = kind.fields.get(name)
        if definition is None or node.selection_set is None:
            return
        arguments = get_argument_values(definition, node, self.variables)
        target: Any = get_named_type(definition.type)
        item = self.built.registry.by_name.get(target.name.removesuffix("Connection").removesuffix("Group"))
        if item is not None:
            self.filter(item.name, arguments.get("where"))
            for entry in arguments.get("orderBy") or []:
                self.order(item.name, entry)
            for key in arguments.get("groupBy") or []:
                self.places.add((item.name, keys_of(item)[key].scalar.name))
        if not is_abstract_type(target):
            self.walk([target], node.selection_set)
        elif "id" in arguments or "ids" in arguments:
            # Of `node` and `nodes`, the types that the ids name.
            texts = [arguments["id"]] if "id" in arguments else arguments["ids"]
            names = {self.built.registry.by_prefix[text.rpartition("_")[0]].name for text in texts}
            kinds = self.schema.get_possible_types(target)
            self.walk([kind for kind in kinds if kind.name in names], node.selection_set)
        else:
            self.walk_edge(self.schema.get_possible_types(target), node.selection_set)

    def follow(self, kind: str, name: str, target: str) -> str:
        """The type that an edge leads to."""
        self.places |= {(kind, name), (target, "id")}
        return target

    def filter(self, kind: str, where: dict[str, Any] | None) -> None:
        for name, value in (where or {}).items():
            if value is None:
                continue
            if name in ("and", "or", "not"):
                for each in [value] if name == "not" else value:
                    self.filter(kind, each)
                continue
            if name == SEARCH:
                # It looks into what the caller may read, and is refused when that is nothing.
                fields = [(kind, found.name) for found in self.built.registry.by_name[kind].searched]
                self.places |= {place for place in fields if set(self.required(*place)) <= self.held} or set(fields)
                continue
            self.filter_field(kind, self.built.registry.by_name[kind].fields[name], value)

    def filter_field(self, kind: str, found: FieldBase, value: dict[str, Any]) -> None:
        if isinstance(found, ToOne):
            self.filter(self.follow(kind, found.name, found.target), value)
        elif isinstance(found, ToMany | ToAny):
            for key, inside in value.items():
                if inside is not None:
                    target = found.target if isinstance(found, ToMany) else member_of(key)
                    self.filter(self.follow(kind, found.name, target), inside)
        else:
            self.places.add((kind, found.name))

    def order(self, kind: str, entry: dict[str, Any]) -> None:
        ((name, way),) = entry.items()
        self.places.add((kind, name))
        found = self.built.registry.by_name[kind].fields[name]
        if isinstance(found, ToOne):
            self.order(self.follow(kind, name, found.target), way)
