"""Everything that is declared, by name: projections, facets, interfaces and unions."""

from collections.abc import Sequence
from dataclasses import replace

from graph.compiler.abstract import NODE, Abstract, Facet, ToAny
from graph.compiler.projection import Projection, Scalar, ToMany, ToOne


class Registry:
    """All projections of a schema, by type name and by id prefix, and the abstract types over them."""

    def __init__(
        self, projections: Sequence[Projection], abstracts: Sequence[Abstract] = (), facets: Sequence[Facet] = ()
    ) -> None:
        self.by_name: dict[str, Projection] = {}
        self.by_prefix: dict[str, Projection] = {}
        for item in projections:
            if item.name in self.by_name or item.prefix in self.by_prefix:
                raise TypeError(f"two projections are named {item.name} or have the prefix {item.prefix}")
            # A copy: which connections lead back to it depends on what else there is.
            own = replace(item, fields=dict(item.fields))
            self.by_name[item.name] = own
            self.by_prefix[item.prefix] = own
        self.facets = {item.name: item for item in facets}
        node = Abstract(NODE, "", members=tuple(self.by_name))
        self.abstracts = {NODE: node} | {item.name: self._with_members(item) for item in abstracts}
        taken = [*self.by_name, *self.facets, *self.abstracts]
        if len(taken) != len(set(taken)) or len(self.abstracts) != len(abstracts) + 1:
            raise TypeError("two types have one name")
        self._add_inverses()
        self._check_edges()
        self._check_implementations()

    def _with_members(self, item: Abstract) -> Abstract:
        if item.is_union:
            if unknown := set(item.members) - set(self.by_name) - set(self.facets):
                raise TypeError(f"the union {item.name} names {', '.join(sorted(unknown))}, which is no object type")
            return item
        objects: list[Projection | Facet] = [*self.by_name.values(), *self.facets.values()]
        return replace(item, members=tuple(each.name for each in objects if item.name in each.implements))

    def _add_inverses(self) -> None:
        edges = [
            (item, found)
            for item in self.by_name.values()
            for found in item.fields.values()
            if isinstance(found, ToAny) and found.inverse and found.target in self.abstracts
        ]
        for item, found in edges:
            assert found.inverse
            name, description = found.inverse
            back = ToMany(target=item.name, description=description, via=found.via, type=found.type)
            for member in self.projections_of(found.target):
                if member is item:
                    continue  # nothing happens to what happened
                if name in member.fields:
                    raise TypeError(f"{member.name} has a field {name}: {item.name}.{found.name} leads back by it")
                member.fields[name] = replace(back, name=name, attribute=name)

    def projections_of(self, abstract: str) -> list[Projection]:
        """The members that have a table: an edge finds them by their id."""
        return [self.by_name[name] for name in self.abstracts[abstract].members if name in self.by_name]

    def _check_edges(self) -> None:
        for item in self.by_name.values():
            for found in item.fields.values():
                if isinstance(found, ToOne | ToMany) and found.target not in self.by_name:
                    raise TypeError(f"{item.name}.{found.name} leads to {found.target}, which is no projection")
                if isinstance(found, ToAny):
                    self._check_any(item, found)

    def _check_any(self, item: Projection, found: ToAny) -> None:
        name = f"{item.name}.{found.name}"
        if found.target not in self.abstracts:
            raise TypeError(f"{name} leads to {found.target}, which is no interface and no union")
        columns = item.model.__table__.columns
        keys = [found.type, found.via, *(each.via for each in found.cases)]
        if missing := [key for key in keys if key is not None and key not in columns]:
            raise TypeError(f"{name}: {item.table} has no column {missing[0]}")
        by_key = [each.target for each in found.cases if each.via]
        if len(by_key) != len(set(by_key)):
            raise TypeError(f"{name}: one case a projection, or a filter could not tell them apart")
        for each in found.cases:
            if each.target not in self.abstracts[found.target].members:
                raise TypeError(f"{name}: {each.target} is no {found.target}")
            if (each.target in self.by_name) != (each.via is not None):
                raise TypeError(f"{name}: a projection is found `via` a column, a facet is not ({each.target})")

    def _check_implementations(self) -> None:
        objects: list[Projection | Facet] = [*self.by_name.values(), *self.facets.values()]
        for item in objects:
            for name in item.implements:
                if name not in self.abstracts or self.abstracts[name].is_union:
                    raise TypeError(f"{item.name} implements {name}, which is no interface")
                for shared in self.abstracts[name].fields.values():
                    own = item.fields.get(shared.name)
                    if not isinstance(own, Scalar) or own.python_type != shared.python_type:
                        raise TypeError(f"{item.name} implements {name}: its field {shared.name} must be alike")
