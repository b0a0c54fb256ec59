"""How large an operation may be, measured in one pass that remembers fragments, before anything is validated.

Twenty fragments that each spread the next one twice ask for a million fields; each is measured once here.
"""

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from domain.errors import OperationError

MAX_DEPTH = 20
MAX_FIELDS = 5_000


class TooLargeError(OperationError):
    """The operation asks for more than one operation may."""

    code = "COST_LIMIT_EXCEEDED"


@dataclass(frozen=True)
class Size:
    """How deep selections nest, and how many fields they have once fragments are spread."""

    depth: int = 0
    fields: int = 0


class Measure:
    """Sizes within one document."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)
        }
        self._known: dict[str, Size] = {}

    def of(self, selections: SelectionSetNode | None) -> Size:
        depth = fields = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                inner = self._fragment(selection.name.value)
            elif isinstance(selection, FieldNode):
                below = self.of(selection.selection_set)
                inner = Size(below.depth + 1, below.fields + 1)
            else:
                inner = self.of(getattr(selection, "selection_set", None))
            depth, fields = max(depth, inner.depth), fields + inner.fields
        return Size(depth, fields)

    def _fragment(self, name: str) -> Size:
        if name not in self._known:
            self._known[name] = Size()  # a fragment in itself counts as nothing here; validation refuses it
            definition = self._fragments.get(name)
            self._known[name] = self.of(definition.selection_set if definition else None)
        return self._known[name]


def check_size(document: DocumentNode) -> None:
    """Raises TooLargeError when an operation of the document nests too deep or has too many fields."""
    measure = Measure(document)
    for item in document.definitions:
        if isinstance(item, OperationDefinitionNode):
            size = measure.of(item.selection_set)
            if size.depth > MAX_DEPTH:
                raise TooLargeError(f"The operation nests {size.depth} levels deep; at most {MAX_DEPTH} are allowed.")
            if size.fields > MAX_FIELDS:
                raise TooLargeError(f"The operation asks for {size.fields} fields; at most {MAX_FIELDS} are allowed.")
