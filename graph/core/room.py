"""A room's GraphQL surface, and merging rooms into one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from graph.compiler.projection import Declared
from graph.compiler.roots import Root
from graph.core.followed import Followed
from graph.core.mutations import Mutation
from graph.core.public import PublicQuery
from graph.core.subscriptions import Subscription

Listened: TypeAlias = Subscription | Followed


@dataclass(frozen=True)
class Room:
    """What one room adds to the schema."""

    projections: list[Declared] = field(default_factory=list)
    abstracts: list[Declared] = field(default_factory=list)
    facets: list[Declared] = field(default_factory=list)
    queries: list[Root] = field(default_factory=list)
    public_queries: list[PublicQuery] = field(default_factory=list)
    mutations: list[Mutation] = field(default_factory=list)
    subscriptions: list[Listened] = field(default_factory=list)


def merge(rooms: Iterable[Room]) -> Room:
    """All rooms as one. Two root fields of one name are a TypeError: neither may win silently."""
    merged = Room()
    for room in rooms:
        merged.projections.extend(room.projections)
        merged.abstracts.extend(room.abstracts)
        merged.facets.extend(room.facets)
        merged.queries.extend(room.queries)
        merged.public_queries.extend(room.public_queries)
        merged.mutations.extend(room.mutations)
        merged.subscriptions.extend(room.subscriptions)
    queries = [*(item.name for item in merged.queries), *(item.name for item in merged.public_queries)]
    mutations, subscriptions = [item.name for item in merged.mutations], [item.name for item in merged.subscriptions]
    for names in (queries, mutations, subscriptions):
        if doubled := {name for name in names if names.count(name) > 1}:
            raise TypeError(f"root fields defined twice: {', '.join(sorted(doubled))}")
    return merged
