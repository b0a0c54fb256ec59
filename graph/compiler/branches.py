"""The SELECT of an edge to an object of several types: one branch for each type that the actor may see.

Which type a row leads to is decided in the statement, and so is whether the object is there: a branch without a
selection of its own still finds its row. An object whose type needs a permission that the actor lacks is null like
one that is gone; but a fragment on that type is refused, as every field of it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode
from graphql.execution.collect_fields import FieldDetails, FragmentDetails

from graph import cost
from graph.compiler.abstract import Case, Facet, ToAny
from graph.compiler.expressions import Row
from graph.compiler.projection import Projection, Scalar, ToOne
from graph.compiler.render import Item, json_object
from graph.limits import TooLargeError

if TYPE_CHECKING:
    from graph.compiler.build import Builder

MAX_BRANCHES = 500

Details = list[FieldDetails]
Maker = Callable[[], str]


@dataclass
class AnySelect:
    """The value of one such edge of a row."""

    builder: "Builder"
    edge: ToAny
    parent: Row
    details: Details

    def render(self) -> str:
        edge, registry = self.edge, self.builder.world.registry
        if edge.type is not None:
            members = [item for item in registry.projections_of(edge.target) if self._open(item)]
            rendered = self._each([self._object(item, edge.via) for item in members])
            branches = [f"WHEN '{item.prefix}' THEN {sql}" for item, sql in zip(members, rendered, strict=True)]
            return f"CASE {self.parent.column(edge.type)} {' '.join(branches)} END" if branches else "NULL::json"
        makers: list[Maker] = []
        for index, each in enumerate(edge.cases):
            if each.target in registry.facets:
                makers.append(self._facet(registry.facets[each.target], each, index))
            elif self._open(registry.by_name[each.target]):
                makers.append(self._object(registry.by_name[each.target], each.via, each, index))
        return f"coalesce({', '.join(self._each(makers))})" if makers else "NULL::json"

    def _open(self, item: Projection) -> bool:
        """Whether to look for objects of this type. A fragment on a type that is closed to the actor is noted as
        touched, so that the whole operation is refused."""
        build = self.builder
        if build.may_see(item):
            return True
        inside = _fields_on(item.name, self.details, build.prepared.fragments)
        asked = build.collected(build.object_type(item.name), self.details).values()
        if any(id(each.node) in inside for group in asked for each in group):
            build.touched.add((item.name, "id"))
        return False

    def _each(self, makers: list[Maker]) -> list[str]:
        """Every branch; a row takes one of them, so they cost as much as the dearest. Raises TooLargeError."""
        build = self.builder
        build.branches += len(makers)
        if build.branches > MAX_BRANCHES:
            raise TooLargeError(
                f"The operation has more than {MAX_BRANCHES} branches: a field of an interface or union counts with"
                " all types that it may be of. Ask for fewer such fields at once."
            )
        weight, rows = build.weight + cost.OBJECT * len(makers), build.rows
        made, dearest, most = [], weight, rows
        for make in makers:
            build.weight, build.rows = weight, rows
            made.append(make())
            dearest, most = max(dearest, build.weight), max(most, build.rows)
        build.weight, build.rows = dearest, most
        return made

    def _object(self, item: Projection, via: str | None, case: Case | None = None, index: int = 0) -> Maker:
        build = self.builder
        one = ToOne(description="", target=item.name, via=via, name=self.edge.name)

        def make() -> str:
            when = [meets(build, self.edge, case, index, self.parent)] if case and case.when else []
            return build.one(item, lambda child: [*build.joined(one, self.parent, child), *when], self.details)

        return make

    def _facet(self, item: Facet, case: Case, index: int) -> Maker:
        def make() -> str:
            sql = f"({json_object(self._facet_items(item))})"
            when = meets(self.builder, self.edge, case, index, self.parent) if case.when else None
            return f"CASE WHEN {when} THEN {sql} END" if when else sql

        return make

    def _facet_items(self, item: Facet) -> list[Item]:
        build = self.builder

        def render(name: str, _group: Details) -> str:
            found = item.fields[name]
            assert isinstance(found, Scalar)
            return self.parent.output(found, build.slots, of=item.name)

        return build.rendered(build.object_type(item.name), self.details, render)


def meets(build: "Builder", edge: ToAny, case: Case, index: int, row: Row) -> str:
    """SQL of a case's own condition."""
    when = case.when
    assert when
    return row.labelled(f"_{edge.name}_when_{index}", lambda base: base.compile(when, build.slots))


def leads_to(build: "Builder", edge: ToAny, member: Projection, row: Row) -> list[str]:
    """SQL conditions under which a row's edge leads to this type and to none of those that come first."""
    if edge.type is not None:
        return [f"{row.column(edge.type)} = '{member.prefix}'"]
    where: list[str] = []
    for index, each in enumerate(edge.cases):
        own = [meets(build, edge, each, index, row)] if each.when else []
        if each.target == member.name:
            return [*where, *own]
        if each.target in build.world.registry.facets:
            where.append(f"{own[0]} IS NOT TRUE" if own else "false")
        elif build.may_see(item := build.world.registry.by_name[each.target]):
            child = Row(item, build.alias("t"))
            one = ToOne(description="", target=item.name, via=each.via, name=edge.name)
            there = " AND ".join([*build.joined(one, row, child), *build.visible(child), *own])
            where.append(f'NOT EXISTS (SELECT FROM "{item.table}" {child.alias} WHERE {there})')
    return where


def key_of(edge: ToAny, member: Projection) -> str | None:
    """The column that holds the id of what the edge leads to, when it is of this type."""
    return edge.via or next((each.via for each in edge.cases if each.target == member.name), None)


def _fields_on(name: str, details: Details, fragments: dict[str, FragmentDetails]) -> set[int]:
    """The fields that stand in fragments on just this type, at any depth of fragments; by identity."""
    found: set[int] = set()
    seen: set[tuple[str, bool]] = set()
    stack: list[tuple[SelectionSetNode, bool]] = [
        (each.node.selection_set, False) for each in details if each.node.selection_set
    ]
    while stack:
        selections, inside = stack.pop()
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                if inside:
                    found.add(id(selection))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                stack.append((selection.selection_set, inside or bool(condition and condition.name.value == name)))
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value in fragments:
                definition = fragments[selection.name.value].definition
                here = (selection.name.value, inside or definition.type_condition.name.value == name)
                if here not in seen:
                    seen.add(here)
                    stack.append((definition.selection_set, here[1]))
    return found
