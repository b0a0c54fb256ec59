"""Annotations of generated types, evaluated and resolved once each.

Strawberry parses and compiles an annotation that is a text anew for each field, several times before all of its names
are there. Generated types repeat a few texts (`"StringFilter | None"`) thousands of times, and share one namespace:
that was half of the time that the schema took to build.
"""

import re
from typing import Any

from strawberry.annotation import StrawberryAnnotation

NAMES = re.compile(r"[A-Za-z_]\w*")
BUILT_IN = frozenset({"list", "None"})


class Namespace(dict[str, Any]):
    """Types by name, and the annotations that are made of them."""

    def __init__(self) -> None:
        super().__init__()
        self._annotations: dict[Any, Annotation] = {}

    def annotation(self, expression: Any) -> StrawberryAnnotation:
        """One object for equal expressions, so that what it has found out serves all fields."""
        found = self._annotations.get(expression)
        if found is None:
            found = self._annotations[expression] = Annotation(expression, namespace=self)
        return found


class Annotation(StrawberryAnnotation):
    """Says at once that a name is not there yet."""

    def evaluate(self) -> type:
        if isinstance(self.raw_annotation, str) and self.namespace is not None:
            for name in NAMES.findall(self.raw_annotation):
                if name not in self.namespace and name not in BUILT_IN:
                    raise NameError(f"{name} is not made yet.")
        return super().evaluate()
