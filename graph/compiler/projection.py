"""Projections: one declaration gives the GraphQL type, its filter, order and connection, and the compiler's map.

@projection(models.Aircraft, prefix="ac", requires=Permission.FLEET_READ, default_order=("registration",))
class Aircraft:
    \"\"\"An aircraft the organization operates or maintains.\"\"\"

    registration = column("Registration mark.", filter=True, order=True)
    type = to_one("AircraftType", "What kind of aircraft it is.", via="type_id")
    utilisation = to_many("UtilisationEntry", "What it flew.", via="aircraft_id")
"""

import inspect as pyinspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import strawberry
from sqlalchemy import Uuid, cast, inspect, literal_column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import Text
from strawberry.utils.str_converters import to_camel_case

# (model alias, actor) -> SQL expression; (parent alias, target alias, actor) -> join condition
Expression = Callable[[Any, "ActorBinds"], Any]
Join = Callable[[Any, Any, "ActorBinds"], Any]
# Type checkers ignore what a class decorator returns, and take a declared projection for the class it was.
Declared: TypeAlias = Any


class ActorBinds:
    """The actor inside SQL expressions; the compiler turns each placeholder into a bind parameter."""

    org_id: ColumnElement[UUID] = literal_column("{actor.org_id}", Uuid())
    user_id: ColumnElement[UUID] = literal_column("{actor.user_id}", Uuid())
    session_id: ColumnElement[UUID] = literal_column("{actor.session_id}", Uuid())
    permissions: ColumnElement[Any] = literal_column("{actor.permissions}", ARRAY(Text()))


ACTOR = ActorBinds()


@dataclass(kw_only=True)
class FieldBase:
    """What every field of a projection has; `name` is the GraphQL name. `logged` is False for what can change
    without an event of the organization, though the projection is logged."""

    description: str
    requires: StrEnum | None = None
    logged: bool = True
    deprecated: str | None = None
    name: str = ""
    attribute: str = ""


@dataclass(kw_only=True)
class Scalar(FieldBase):
    """A column or SQL expression. `python_type` is str, int, bool, date, datetime, Decimal, dict, a StrEnum or
    list[str]; UUID is the entity's own id or, with `id_prefix`, another entity's; ID is one of any type, whose prefix
    and uuid are the columns `parts`."""

    python_type: Any = None
    nullable: bool = False
    expression: Expression | None = None
    column: str = ""
    filter: bool = False
    order: bool = False
    unique: bool = False
    search: bool = False
    id_prefix: str | None = None
    parts: tuple[str, str] | None = None


@dataclass(kw_only=True)
class ToOne(FieldBase):
    """An edge to at most one object, through a key column here (`via`) or a condition (`on`)."""

    target: str
    via: str | None = None
    on: Join | None = None
    nullable: bool = True


@dataclass(kw_only=True)
class ToMany(FieldBase):
    """A connection of the rows whose column `via` names this object, or that meet `on`. With `type`, that column
    holds ids of several types, and the column `type` the prefix of each."""

    target: str
    via: str | None = None
    on: Join | None = None
    type: str | None = None


@dataclass
class Projection:
    """A GraphQL object type and the table it shows."""

    name: str
    description: str
    model: type[DeclarativeBase]
    prefix: str
    requires: StrEnum | None
    visible: Expression | None
    default_order: tuple[str, ...]
    logged: bool = False
    fields: dict[str, FieldBase] = field(default_factory=dict)
    implements: tuple[str, ...] = ()
    named: str = ""

    @property
    def table(self) -> str:
        return str(self.model.__tablename__)

    @property
    def is_tenant(self) -> bool:
        return "org_id" in self.model.__table__.columns

    @property
    def searched(self) -> list[Scalar]:
        """The fields that `where: {search: …}` looks into."""
        return [found for found in self.fields.values() if isinstance(found, Scalar) and found.search]

    def scalar(self, name: str) -> Scalar:
        found = self.fields[name]
        assert isinstance(found, Scalar), f"{self.name}.{name} is an edge"
        return found


def column(
    description: str,
    *,
    filter: bool = False,
    order: bool = False,
    unique: bool = False,
    search: bool = False,
    enum: type[StrEnum] | None = None,
    source: str | None = None,
    id_prefix: str | None = None,
    requires: StrEnum | None = None,
    deprecated: str | None = None,
    logged: bool = True,
) -> Any:
    """A column of the table, under the attribute's name or `source`. Its type and nullability are the model's.

    `unique` says that no two rows of an organization share the value, so that it orders them by itself.
    `search` lets lists be searched by it; the table must be made searchable (`db.search`) for just these columns.
    `enum` names the StrEnum of a text column; `id_prefix` shows a uuid column as an id of that type."""
    return Scalar(
        description=description,
        python_type=enum,
        column=source or "",
        filter=filter,
        order=order,
        unique=unique,
        search=search,
        id_prefix=id_prefix,
        requires=requires,
        deprecated=deprecated,
        logged=logged,
    )


def any_id(description: str, *, type: str, via: str, filter: bool = False, logged: bool = True) -> Any:
    """The global id of something of any type: its prefix is in the column `type`, its uuid in the column `via`."""
    return Scalar(
        description=description,
        python_type=strawberry.ID,
        expression=lambda m, _: getattr(m, type) + "_" + cast(getattr(m, via), Text),
        parts=(type, via),
        filter=filter,
        logged=logged,
    )


def computed(
    description: str,
    python_type: Any,
    expression: Expression,
    *,
    nullable: bool = False,
    filter: bool = False,
    order: bool = False,
    requires: StrEnum | None = None,
    logged: bool = True,
) -> Any:
    """An SQL expression over the row (and the actor), of `python_type`. It only shows: a TypeError says why."""
    if filter or order:
        raise TypeError(
            f"{description!r}: a computed field cannot be filtered or ordered by. Few functions are leakproof, so under"
            " row-level security no expression index would be used: store it (GENERATED ALWAYS AS … STORED), index that"
            " column and show it by `column`."
        )
    return Scalar(
        description=description,
        python_type=python_type,
        expression=expression,
        nullable=nullable,
        requires=requires,
        logged=logged,
    )


def to_one(
    target: str,
    description: str,
    *,
    via: str | None = None,
    on: Join | None = None,
    nullable: bool | None = None,
    requires: StrEnum | None = None,
    logged: bool = True,
) -> Any:
    """An edge to one object. With `via`, null when that column is null, unless `nullable` says otherwise:
    pass nullable=True when the row may be invisible to who asks."""
    return ToOne(
        target=target,
        description=description,
        via=via,
        on=on,
        nullable=nullable,  # type: ignore[arg-type]  # None is settled from the column in `projection`
        requires=requires,
        logged=logged,
    )


def to_many(
    target: str,
    description: str,
    *,
    via: str | None = None,
    on: Join | None = None,
    requires: StrEnum | None = None,
    logged: bool = True,
) -> Any:
    """A connection to many objects."""
    return ToMany(target=target, description=description, via=via, on=on, requires=requires, logged=logged)


SEARCH = "search"  # the entry of a filter


def _settle_scalar(projection_name: str, model: Any, found: Scalar, id_prefix: str) -> None:
    if found.expression is not None:
        return
    found.column = found.column or found.attribute
    table_column = model.__table__.columns.get(found.column)
    if table_column is None:
        raise TypeError(f"{projection_name}.{found.attribute}: {model.__tablename__} has no column {found.column}")
    found.nullable = bool(table_column.nullable)
    if found.python_type is None:
        is_list = isinstance(table_column.type, ARRAY)
        found.python_type = list[str] if is_list else table_column.type.python_type
    if found.python_type is UUID:
        found.id_prefix = found.id_prefix or (id_prefix if found.column == "id" else None)
        if found.id_prefix is None:
            raise TypeError(f"{projection_name}.{found.attribute}: show a uuid by an edge, or give its id_prefix")


def projection(
    model: type[DeclarativeBase],
    *,
    prefix: str,
    requires: StrEnum | None = None,
    default_order: tuple[str, ...] = ("id",),
    visible: Expression | None = None,
    implements: tuple[str, ...] = (),
    logged: bool = False,
    named: str = "",
) -> Callable[[type[Any]], Projection]:
    """Declare a projection of `model`. `prefix` starts its ids; `requires` guards the type wherever it appears;
    `default_order` names fields, "-" before one for descending; `visible` is a row predicate; `implements` names
    interfaces, beside `Node`. `logged` promises that every transaction that changes what it shows records an event,
    in each organization that sees it. `named` is the prefix under which others name its rows, when another projection
    of the table is the one that they mean."""

    def declare(cls: type[Any]) -> Projection:
        description = pyinspect.cleandoc(cls.__doc__ or "")
        if not description:
            raise TypeError(f"{cls.__name__} needs a docstring: it is the type's description")
        made = Projection(cls.__name__, description, model, prefix, requires, visible, default_order, logged)
        made.implements = implements
        made.named = named or prefix
        own_id = Scalar(
            description=f"Global id, `{prefix}_…`.",
            python_type=UUID,
            attribute="id",
            name="id",
            filter=True,
            order=True,
            unique=True,
        )
        members = {"id": own_id} | {k: v for k, v in vars(cls).items() if isinstance(v, FieldBase)}
        for attribute, found in members.items():
            found.attribute = attribute
            found.name = to_camel_case(attribute)
            if isinstance(found, Scalar):
                _settle_scalar(cls.__name__, model, found, prefix)
            elif isinstance(found, ToOne) and found.nullable is None:
                found.nullable = found.via is None or bool(inspect(model).columns[found.via].nullable)
            made.fields[found.name] = found
        if any(found.python_type is not str for found in made.searched) or (made.searched and SEARCH in made.fields):
            raise TypeError(f"{cls.__name__}: texts are searched, by the filter `{SEARCH}`, which no field is named")
        return made

    return declare
