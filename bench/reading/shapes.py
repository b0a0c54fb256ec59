"""The standard shapes: what is asked, and the variables that requests rotate through."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.reading import cursors
from bench.reading.data import Tenant

Variables = dict[str, Any]

Q1 = """query Q1($id: ID!) {
  aircraft(id: $id) {
    id registration serialNumber status manufacturedOn baseAirport totalCycles createdAt
  }
}"""

PAGE = """query %s($after: String) {
  aircraftList(first: %d, after: $after) {
    nodes {
      id registration serialNumber status manufacturedOn baseAirport totalCycles version createdAt updatedAt
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
Q2 = PAGE % ("Q2", 50)
Q4 = PAGE % ("Q4", 500)

ORDERED = "where: {kind: {eq: FLIGHT}}, orderBy: [{createdAt: ASC}]"
Q3 = """query Q3($after: String) {
  utilisationEntries(first: 20, after: $after, %s) {
    nodes {
      id flownOn minutes cycles note
      aircraft { id registration status }
      reporter { id name }
      corrections(first: 5) {
        nodes { id flownOn minutes note reporter { id name } }
      }
    }
  }
}"""
Q3_ELSEWHERE = Q3 % "kind: FLIGHT"  # servers whose one list has just this filter and this order
Q3 = Q3 % ORDERED

NESTED = """query Nested($after: String) {
  aircraftList(first: 20, after: $after) {
    nodes {
      id registration status
      type { id manufacturer model }
      utilisation(first: 5) {
        nodes { id kind flownOn minutes cycles reporter { id name } }
      }
    }
  }
}"""


@dataclass(frozen=True)
class Shape:
    """One operation. `distinct` requests differ in their variables and rotate through four organizations."""

    name: str
    title: str
    query: str
    elsewhere: str
    distinct: int
    variables: Callable[[Tenant, random.Random], Variables]


def _one(tenant: Tenant, pick: random.Random) -> Variables:
    return {"id": f"ac_{pick.choice(tenant.aircraft)[1]}"}


def _page(size: int) -> Callable[[Tenant, random.Random], Variables]:
    """Pages that begin somewhere and are full."""

    def variables(tenant: Tenant, pick: random.Random) -> Variables:
        registration, identifier = tenant.aircraft[pick.randrange(len(tenant.aircraft) - size)]
        return {"after": cursors.encode(cursors.BY_REGISTRATION, (registration, str(identifier)))}

    return variables


def _parents(tenant: Tenant, pick: random.Random) -> Variables:
    created, identifier = tenant.flights[pick.randrange(len(tenant.flights) - 20)]
    return {"after": cursors.encode(cursors.BY_CREATED_AT, (created.isoformat(), str(identifier)))}


SHAPES = (
    Shape("Q1", "one object by id, 8 fields", Q1, Q1, 400, _one),
    Shape("Q2", "50 rows x 10 fields with pageInfo", Q2, Q2, 120, _page(50)),
    Shape(
        "Q3", "20 parents, two to-one edges each, 5 children each with a to-one edge", Q3, Q3_ELSEWHERE, 120, _parents
    ),
    Shape("Q4", "500 rows x 10 fields with pageInfo", Q4, Q4, 24, _page(500)),
    Shape(
        "Nested",
        "20 aircraft, each with type, last 5 utilisation entries and their reporter",
        NESTED,
        NESTED,
        200,
        _page(20),
    ),
)


def requests(shape: Shape, tenants: list[Tenant]) -> Iterator[tuple[Tenant, Variables]]:
    """The shape's requests, the same at every run, one organization after the other in turn."""
    pick = random.Random(shape.name)
    for number in range(shape.distinct):
        tenant = tenants[number % len(tenants)]
        yield tenant, shape.variables(tenant, pick)
