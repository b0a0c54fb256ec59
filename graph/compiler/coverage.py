"""Which answers depend on nothing but what the organization's events tell of.

A projection is `logged` when whatever changes what it shows, in any organization that sees it, records an event
there in the same transaction. Nothing is covered unless it was declared so, and a statement that reads another table
or the clock is not, whatever was declared.
"""

import re
from collections.abc import Iterable

from graph.compiler.projection import ToMany, ToOne
from graph.compiler.registry import Registry
from graph.compiler.roots import Root

# What a statement may not contain: its value depends on when, or on which connection, it runs.
UNSTEADY = (
    "now",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "timeofday",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "random",
    "gen_random_uuid",
    "current_setting",
)


class Coverage:
    """Made once a schema: what is logged, and the words that no logged statement holds."""

    def __init__(self, registry: Registry, roots: dict[str, Root]) -> None:
        self._registry = registry
        self._roots = roots
        projections = registry.by_name.values()
        logged = {item.table for item in projections if item.logged}
        tables = {name for item in projections for name in item.model.metadata.tables} - logged
        words = "|".join(map(re.escape, sorted(tables | set(UNSTEADY))))
        self._foreign = re.compile(rf"\b(?:{words})\b", re.IGNORECASE)

    def covers(self, query: str, touched: Iterable[tuple[str, str]], sql: str, *, self_scoped: bool) -> bool:
        """Whether the organization's version decides the answer. `query` is the name of the query type."""
        return all(
            self._root(name, self_scoped) if type_name == query else self._field(type_name, name)
            for type_name, name in touched
        ) and not self._foreign.search(sql)

    def _root(self, name: str, self_scoped: bool) -> bool:
        root = self._roots[name]
        if root.target is None:
            # An id may lead anywhere, and a connection that names its user sees other organizations.
            return not self_scoped
        return root.logged and root.target.logged

    def _field(self, type_name: str, name: str) -> bool:
        item = self._registry.by_name.get(type_name)
        if item is None:
            # A connection, an edge, a group, an interface, a facet: what they show is touched too, or in the statement.
            return True
        found = item.fields.get(name)
        if found is None:
            return item.logged  # __typename
        beyond = self._registry.by_name[found.target] if isinstance(found, ToOne | ToMany) else item
        return item.logged and found.logged and beyond.logged
