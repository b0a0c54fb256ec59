"""Root query fields that are compiled."""

from dataclasses import dataclass
from typing import Literal

from graph.compiler.projection import Declared, Expression, Projection


@dataclass(frozen=True)
class Root:
    """A compiled root field: one object by id, one by a condition, or a connection.

    `self_scoped` roots also see what belongs to the signed-in user outside the organization (their own user,
    their memberships elsewhere); they run on a connection that names the user as well. `logged` is False when what
    the field shows of a logged projection can change without an event of the organization.
    """

    name: str
    kind: Literal["one", "self", "many", "aggregate", "node", "nodes"]
    target: Projection | None
    description: str
    where: Expression | None = None
    self_scoped: bool = False
    logged: bool = True


def one(name: str, target: Declared, description: str) -> Root:
    """`name(id: ID!): Target`, null when there is none that the actor may see."""
    return Root(name, "one", target, description)


def many(
    name: str,
    target: Declared,
    description: str,
    *,
    where: Expression | None = None,
    self_scoped: bool = False,
    logged: bool = True,
) -> Root:
    """`name(first, after, last, before, where, orderBy): TargetConnection!`

    `where` limits the list further. A list of a global table needs it to find its rows by an index: row-level
    security alone would look at every row of the platform.
    """
    return Root(name, "many", target, description, where, self_scoped=self_scoped, logged=logged)


def aggregate(name: str, target: Declared, description: str) -> Root:
    """`name(where, groupBy, first): [TargetGroup!]!`, counts and sums of the rows, by fields and by time."""
    return Root(name, "aggregate", target, description)


def one_self(name: str, target: Declared, description: str, where: Expression) -> Root:
    """`name: Target`, the one row that belongs to the signed-in user."""
    return Root(name, "self", target, description, where, self_scoped=True)


NODE = Root("node", "node", None, "Any object by its id; null when there is none that the actor may see.")
NODES = Root("nodes", "nodes", None, "Objects by their ids, in their order; null for each that is not there.")
