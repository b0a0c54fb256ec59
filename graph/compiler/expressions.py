"""Rows of a statement, and the SQL text of their fields."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased

from graph.compiler.projection import ACTOR, Expression, Join, Projection, Scalar
from graph.compiler.slots import Slots

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
PLACEHOLDER = re.compile(r"\{actor\.(\w+)\}")


# What rows are called in texts that are compiled once. SQLAlchemy quotes names with a space in them wherever it writes
# them, so that the quoted name is found by itself.
ROWS = ("the row", "the row below")


@lru_cache(maxsize=4096)
def text_of(expression: Callable[..., Any], *models: type) -> str:
    """SQL text of a SQLAlchemy expression over rows of these models, called as in ROWS; its values become literals, the
    actor's stay as they are in ACTOR. It is compiled inside a SELECT from the rows, so that sub-selects correlate with
    them. Compiling takes a hundred times what putting in the names takes, and expressions are as many as fields."""
    rows: list[Any] = [aliased(model, name=name) for model, name in zip(models, ROWS, strict=False)]
    around = select(expression(*rows, ACTOR).label("v")).select_from(*rows)
    text = str(around.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True}))
    text = text.removeprefix("SELECT ")[: text.rindex(" AS v \nFROM ") - len("SELECT ")]
    return f"({text})"  # it may be an OR, and is joined to others by AND


def compile_expression(expression: Callable[..., Any], slots: Slots, *rows: "Row") -> str:
    """The expression's text over these rows; the actor's values become parameters."""
    text = text_of(expression, *(row.projection.model for row in rows))
    for row, name in zip(rows, ROWS, strict=False):
        text = text.replace(f'"{name}"', row.alias)
    return PLACEHOLDER.sub(lambda match: slots.actor(match[1]), text)


@dataclass
class Row:
    """A row source: a table under an alias, or a page (CTE) of one that carries only the columns it is asked for."""

    projection: Projection
    alias: str
    base: "Row | None" = None
    needed: dict[str, str] = field(default_factory=dict)

    def paged(self, alias: str) -> "Row":
        return Row(self.projection, alias, base=self)

    def carried(self) -> str:
        """What a page selects. PostgreSQL passes whole rows on as they are, and builds others column by column: with
        half of the columns that costs more than the other half does."""
        assert self.base is not None
        columns = set(self.projection.model.__table__.columns.keys())
        whole = 2 * len(columns & self.needed.keys()) >= len(columns)
        parts = [f"{self.base.alias}.*"] if whole else []
        parts += [f'{sql} AS "{name}"' for name, sql in self.needed.items() if not (whole and name in columns)]
        return ", ".join(parts) or "1 AS one"

    def column(self, name: str) -> str:
        if self.base is not None:
            self.needed[name] = self.base.column(name)
        return f'{self.alias}."{name}"'

    def labelled(self, label: str, make: Callable[["Row"], str]) -> str:
        """An expression over the row; a page computes it once and carries it under the label."""
        if self.base is None:
            return make(self)
        if label not in self.needed:
            self.needed[label] = make(self.base)
        return f'{self.alias}."{label}"'

    def value(self, scalar: Scalar, slots: Slots, of: str = "") -> str:
        """The field as it is compared and ordered by; `of` names the facet whose field it is."""
        expression = scalar.expression
        if expression is None:
            return self.column(scalar.column)
        return self.labelled(f"_{of}{scalar.attribute}", lambda base: base.compile(expression, slots))

    def output(self, scalar: Scalar, slots: Slots, of: str = "") -> str:
        """The field as it is rendered: ids get their prefix, decimals become strings."""
        value = self.value(scalar, slots, of)
        if scalar.python_type is UUID:
            return f"'{scalar.id_prefix}_' || {value}"
        return f"{value}::text" if scalar.python_type is Decimal else value

    def compile(self, expression: Expression, slots: Slots) -> str:
        return compile_expression(expression, slots, self)

    def compile_join(self, join: Join, parent: "Row", slots: Slots) -> str:
        if parent.base is not None:
            for name in parent.projection.model.__table__.columns.keys():  # noqa: SIM118 - not a dict
                parent.column(name)
        return compile_expression(join, slots, parent, self)
