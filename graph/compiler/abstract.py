"""Interfaces, unions and the edges that lead to them: objects of one of several types.

@interface
class Actor:
    \"\"\"Who did something.\"\"\"

    name = shared("What they are called.", str)

@facet(implements=("Actor",))
class Platform:
    \"\"\"The platform itself.\"\"\"

    name = computed("What it is called.", str, lambda m, _: literal("Opsgraph"))

target = to_any("Node", "What it happened to.", type="target_type", via="target_id")
actor = to_any("Actor", "Who did it.", cases=[case("User", via="actor_id"), case("Platform")])

A projection becomes part of an interface by `implements=`; of `Node` every one is. A facet is an object without a
table and an id of its own: its fields are SQL expressions over the row that shows it.
"""

import inspect as pyinspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from graph.compiler.projection import Declared, Expression, FieldBase, Scalar

NODE = "Node"


@dataclass
class Abstract:
    """An interface, with the fields its types share, or a union, which has none."""

    name: str
    description: str
    fields: dict[str, Scalar] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    is_union: bool = False


@dataclass
class Facet:
    """An object type whose fields are expressions over the row that shows it."""

    name: str
    description: str
    implements: tuple[str, ...] = ()
    fields: dict[str, FieldBase] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One type that an edge may lead to: a projection, found by the key column `via`, or a facet; with `when`,
    only for rows that meet it."""

    target: str
    via: str | None = None
    when: Expression | None = None


@dataclass(kw_only=True)
class ToAny(FieldBase):
    """An edge to an object of an interface or union, or null.

    Either the column `type` holds the id prefix of what the column `via` names, or the first of `cases` that is
    there is shown. `inverse` names and describes the connection that leads back, on every type of the first kind."""

    target: str
    type: str | None = None
    via: str | None = None
    cases: tuple[Case, ...] = ()
    inverse: tuple[str, str] | None = None


def to_any(
    target: str,
    description: str,
    *,
    type: str | None = None,
    via: str | None = None,
    cases: Sequence[Case] = (),
    inverse: tuple[str, str] | None = None,
    requires: StrEnum | None = None,
) -> Any:
    """An edge to one object of several types; `target` is `Node` or the name of a declared interface or union.
    `inverse` gives each of these types a connection back: its name and description."""
    if bool(cases) == bool(type and via) or bool(type) != bool(via):
        raise TypeError(f"an edge to {target}: give `type` and `via`, or `cases`")
    if inverse and cases:
        raise TypeError(f"an edge to {target}: only one by `type` and `via` has an `inverse`")
    return ToAny(
        target=target,
        description=description,
        type=type,
        via=via,
        cases=tuple(cases),
        inverse=inverse,
        requires=requires,
    )


def case(target: str, *, via: str | None = None, when: Expression | None = None) -> Case:
    """One type of `to_any`: `via` names the key column of a projection, `when` the rows that it is for."""
    return Case(target, via, when)


def shared(description: str, python_type: Any, *, nullable: bool = False) -> Any:
    """A field that every type of an interface has, of this type at least."""
    return Scalar(description=description, python_type=python_type, nullable=nullable)


def member_key(name: str) -> str:
    """The entry of a filter that asks for objects of this type: `aircraftType` for AircraftType."""
    return name[0].lower() + name[1:]


def member_of(key: str) -> str:
    """The type that such an entry stands for."""
    return key[0].upper() + key[1:]


def _described(cls: type[Any]) -> str:
    description = pyinspect.cleandoc(cls.__doc__ or "")
    if not description:
        raise TypeError(f"{cls.__name__} needs a docstring: it is the type's description")
    return description


def _scalars(cls: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute, value in vars(cls).items():
        if isinstance(value, FieldBase):
            if not isinstance(value, Scalar):
                raise TypeError(f"{cls.__name__}.{attribute}: only values can stand here, no edges")
            value.attribute, value.name = attribute, to_camel_case(attribute)
            found[value.name] = value
    return found


def interface(cls: type[Any]) -> Declared:
    """Declare an interface: the docstring describes it, `shared` fields are what its types have in common."""
    return Abstract(cls.__name__, _described(cls), _scalars(cls))


def union(name: str, description: str, members: Sequence[str]) -> Declared:
    """Declare a union of the types so named."""
    return Abstract(name, description, members=tuple(members), is_union=True)


def facet(*, implements: Sequence[str] = ()) -> Callable[[type[Any]], Declared]:
    """Declare a facet: an object type all of whose fields are `computed` over the row that shows it."""

    def declare(cls: type[Any]) -> Declared:
        made = Facet(cls.__name__, _described(cls), tuple(implements), _scalars(cls))
        for found in made.fields.values():
            if not isinstance(found, Scalar) or found.expression is None or found.filter or found.order:
                raise TypeError(f"{cls.__name__}.{found.attribute}: a facet has `computed` fields that only show")
        return made

    return declare
