"""The parameters of a statement: where each is read from when it runs."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from domain.context import Actor
from graph.compiler.values import Leaf, Variables

Slot = Callable[[Variables, Actor], Any]

ACTOR_CASTS = {"org_id": "uuid", "user_id": "uuid", "session_id": "uuid", "permissions": "text[]"}
ACTOR_READERS: dict[str, Slot] = {
    "org_id": lambda _, actor: actor.org_id,
    "user_id": lambda _, actor: actor.user_id,
    "session_id": lambda _, actor: actor.session_id,
    "permissions": lambda _, actor: sorted(actor.permissions),
}


@dataclass
class Slots:
    """Numbers parameters; the same source is one parameter however often it is used."""

    readers: list[Slot] = field(default_factory=list)
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    @property
    def personal(self) -> bool:
        """Whether the statement depends on who asks, beyond the organization and permissions."""
        return any((("actor", name), ACTOR_CASTS[name]) in self._numbers for name in ("user_id", "session_id"))

    def add(self, source: Hashable, cast: str, reader: Slot) -> str:
        number = self._numbers.get((source, cast))
        if number is None:
            self.readers.append(reader)
            number = self._numbers[source, cast] = len(self.readers)
        return f"${number}::{cast}"

    def actor(self, attribute: str) -> str:
        return self.add(("actor", attribute), ACTOR_CASTS[attribute], ACTOR_READERS[attribute])

    def leaf(self, leaf: Leaf, cast: str, convert: Callable[[Any], Any] | None = None, *, part: Hashable = None) -> str:
        """A parameter read from an argument's leaf; `part` tells different conversions to one type apart."""
        read = leaf.read

        def plain(variables: Variables, _actor: Actor) -> Any:
            return read(variables)

        def converted(variables: Variables, _actor: Actor) -> Any:
            assert convert is not None
            return convert(read(variables))

        return self.add(("leaf", leaf.source, part), cast, converted if convert else plain)
