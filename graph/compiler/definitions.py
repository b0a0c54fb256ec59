"""What Strawberry keeps of a type and a field, made for generated types without a Python class's trouble.

Nobody ever makes an object of a generated type, and none of them is generic: so there is no dataclass behind it, its
annotations are evaluated once each, and nothing looks for type variables in them. With Strawberry's decorators nine
tenths of the time that the schema took to build went into that.
"""

import re
from collections.abc import Sequence
from typing import Any

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import UNRESOLVED, StrawberryField

NAMES = re.compile(r"[A-Za-z_]\w*")
BUILT_IN = frozenset({"list", "None"})


class Annotation(StrawberryAnnotation):
    """Says at once that a name is not there yet."""

    def evaluate(self) -> type:
        if isinstance(self.raw_annotation, str) and self.namespace is not None:
            for name in NAMES.findall(self.raw_annotation):
                if name not in self.namespace and name not in BUILT_IN:
                    raise NameError(f"{name} is not made yet.")
        return super().evaluate()


class Namespace(dict[str, Any]):
    """Types by name, and the annotations that are made of them."""

    def __init__(self) -> None:
        super().__init__()
        self._annotations: dict[Any, Annotation] = {}

    def annotation(self, expression: Any) -> Annotation:
        """One object for equal expressions, so that what it has found out serves all fields: generated types repeat
        a few texts (`"StringFilter | None"`) thousands of times."""
        found = self._annotations.get(expression)
        if found is None:
            found = self._annotations[expression] = Annotation(expression, namespace=self)
        return found


class Field(StrawberryField):
    """A field whose annotation comes from a `Namespace`."""

    def resolve_type(self, *, type_definition: StrawberryObjectDefinition | None = None) -> Any:
        """The type that the annotation names; as Strawberry has it, UNRESOLVED while that is not made."""
        try:
            return self.type_annotation.resolve() if self.type_annotation else UNRESOLVED
        except NameError:
            return UNRESOLVED


class Definition(StrawberryObjectDefinition):
    def __post_init__(self) -> None:
        """No field of it is of the type `Self`: there is nothing to put in its place."""


def define(
    name: str,
    fields: Sequence[StrawberryField],
    description: str,
    *,
    bases: tuple[type, ...] = (),
    directives: Sequence[object] = (),
    is_input: bool = False,
    is_interface: bool = False,
) -> type:
    """A class that Strawberry takes for a type of these fields and those of the bases, which are interfaces."""
    made = type(name, bases, {"__module__": __name__})
    interfaces = [base.__dict__["__strawberry_definition__"] for base in made.__mro__[1:-1]]
    inherited = {field.python_name: field for base in interfaces for field in base.fields}
    own = {field.python_name: field for field in fields}
    for field in fields:
        field.origin = made
    made.__strawberry_definition__ = Definition(  # type: ignore[attr-defined]  # how Strawberry knows its types
        name=name,
        is_input=is_input,
        is_interface=is_interface,
        origin=made,
        description=description,
        interfaces=interfaces,
        extend=False,
        directives=directives,
        is_type_of=None,
        resolve_type=None,
        fields=list((inherited | own).values()),
    )
    return made
