"""The event log in the graph: what happened, by whom, and to what."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import strawberry

from db.events.log import EventLog
from domain.permissions import Permission
from graph.compiler.abstract import case, to_any
from graph.compiler.projection import any_id, column, computed, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core import ids
from graph.core.followed import LogEvent, Select, followed
from graph.core.room import Listened

Types = Annotated[
    list[str] | None,
    strawberry.argument(description='Only events of these types, as in "aircraft.updated"; null for all.'),
]
Targets = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(description="Only what happened to these, by their global ids; null for all."),
]
Actors = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(description="Only what these people (`usr_…`) did; null for all, and the platform."),
]


@projection(EventLog, prefix="ev", requires=Permission.EVENT_READ, default_order=("-sequence",), logged=True)
class Event:
    """Something that happened in the organization. Events are numbered without gaps and never change."""

    sequence = column(
        "Its number in the organization's log, from 1 without gaps.", source="seq", filter=True, order=True, unique=True
    )
    type = column('What happened, as in "aircraft.updated".', filter=True)
    target_type = column('The id prefix of what it happened to, as in "ac".', filter=True)
    target_id = any_id(
        "The global id of what it happened to, also when it is gone.", type="target_type", via="target_id", filter=True
    )
    target = to_any(
        "Node",
        "What it happened to, as it is now; null when it is gone, or of a type that you may not see.",
        type="target_type",
        via="target_id",
        inverse=("history", "Everything that happened to it, newest first, as far back as the log is kept."),
    )
    actor = to_any(
        "Actor",
        "Who did it; null when it is a person whom you may not see.",
        cases=(
            case("User", via="actor_id"),
            case("Superuser", when=lambda m, _: m.impersonator_id.is_not(None)),
            case("Platform", when=lambda m, _: m.actor_id.is_(None)),
        ),
    )
    impersonator = to_one(
        "User",
        "The superuser who acted here, if it was one; seen by members only.",
        via="impersonator_id",
        nullable=True,
    )
    before = computed(
        "What changed, as it was; null when there was nothing before.", dict, lambda m, _: m.before, nullable=True
    )
    after = computed(
        "What changed, as it is now; null when there is nothing any more.", dict, lambda m, _: m.after, nullable=True
    )
    occurred_at = column("When it happened.", filter=True, order=True)
    recorded_at = column("When it was written to the log.", filter=True, order=True)
    previous_hash = column("The hash of the event with the number before; 64 zeros for the first.")
    hash = column("SHA-256 over this event and `previousHash`: the log's chain, which `audit verify` checks.")


event = one("event", Event, "An event by id.")
event_list = many("events", Event, "The organization's event log, newest first.")


@followed(requires=Permission.EVENT_READ, entities={"event": (Event, "What happened.")})
def events(types: Types = None, targets: Targets = None, actors: Actors = None) -> Select:
    """Every event of the organization as it happens, and before that those after the cursor `after`.

    Nothing is missed or doubled. The subscription ends with the code RESYNC when the cursor cannot be continued. A
    connection that takes messages too slowly, or whose server stops, is closed: subscribe again with your last cursor.
    """
    wanted = _Wanted(
        types=None if types is None else frozenset(types),
        targets=None if targets is None else frozenset(map(ids.parse, targets)),
        actors=None if actors is None else frozenset(ids.decode("usr", text) for text in actors),
    )
    return lambda event: {"event": event.id} if wanted.meets(event) else None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events a subscriber asked for."""

    types: frozenset[str] | None
    targets: frozenset[tuple[str, UUID]] | None
    actors: frozenset[UUID] | None

    def meets(self, event: LogEvent) -> bool:
        # Who a superuser is, only the platform knows: what they did is found under nobody's id.
        actor = event.actor_id if event.impersonator_id is None else None
        return (
            (self.types is None or event.type in self.types)
            and (self.targets is None or (event.target_type, event.target_id) in self.targets)
            and (self.actors is None or actor in self.actors)
        )


event_aggregate = aggregate("eventAggregate", Event, "How much happened, by type, target or time.")

QUERIES = [event, event_list, event_aggregate]
SUBSCRIPTIONS: list[Listened] = [events]
