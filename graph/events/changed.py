"""`<entity>Changed`: what happens to the objects of one type, declared in one line."""

from enum import StrEnum
from typing import Any

import strawberry

from domain.errors import BadUserInputError
from graph.compiler.projection import Declared
from graph.core import ids as global_ids
from graph.core.followed import Followed, LogEvent, Select, Shown
from graph.events.log import Event

EVENT: Any = Event  # type checkers take it for the class that it was declared by
MOST_IDS = 1_000
IDS = f"Only these objects, at most {MOST_IDS:,}; null for all."
DESCRIPTION = """Every event of an object of the type {name} as it happens, and before that those after `after`.

Nothing is missed or doubled. The subscription ends with the code RESYNC when the cursor cannot be continued. A
connection that takes messages too slowly, or whose server stops, is closed: subscribe again with your last cursor."""


def changed(target: Declared, *, name: str | None = None, requires: StrEnum | None = None) -> Followed:
    """`<entity>Changed(ids, where, after)`: events whose target has the projection's prefix.

    Its messages have `cursor`, `type`, `id`, the entity and `event`. An event type that ends with ".created" or
    ".posted" says that the object is new. `requires` is the projection's unless given."""
    entity = target.name[0].lower() + target.name[1:]

    def select(ids: list[str] | None = None) -> Select:
        if ids is not None and len(ids) > MOST_IDS:
            raise BadUserInputError(f"`ids` has {len(ids)} ids: give at most {MOST_IDS}, or use `where`.")
        wanted = None if ids is None else frozenset(global_ids.decode(target.prefix, each) for each in ids)

        def shown(event: LogEvent) -> Shown:
            if event.target_type != target.prefix or (wanted is not None and event.target_id not in wanted):
                return None
            return {
                "type": event.type,
                "id": global_ids.encode(target.prefix, event.target_id),
                entity: event.target_id,
                "event": event.id,
            }

        return shown

    return Followed(
        name or f"{entity}Changed",
        DESCRIPTION.format(name=target.name),
        select,
        lambda factory: [factory.argument("ids", list[strawberry.ID] | None, IDS)],
        requires=requires or target.requires,
        fields={
            "type": (str, 'What happened, as in "aircraft.updated".'),
            "id": (strawberry.ID, "What it happened to."),
        },
        entities={
            entity: (target, "The object as it is when the message is made; null when it is gone or does not match."),
            "event": (EVENT, "The event itself; needs the permission EVENT_READ."),
        },
        subject=entity,
    )
