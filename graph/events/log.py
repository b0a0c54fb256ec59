"""The event log in the graph: what happened, by whom, and to what."""

from typing import Annotated

import strawberry
from sqlalchemy import Text, cast

from db.events.log import EventLog
from domain.permissions import Permission
from graph.compiler.abstract import case, to_any
from graph.compiler.projection import column, computed, projection, to_one
from graph.compiler.roots import aggregate, many, one
from graph.core.followed import Select, followed
from graph.core.room import Listened

Types = Annotated[
    list[str] | None,
    strawberry.argument(description='Only events of these types, as in "aircraft.updated"; null for all.'),
]


@projection(EventLog, prefix="ev", requires=Permission.EVENT_READ, default_order=("-sequence",), logged=True)
class Event:
    """Something that happened in the organization. Events are numbered without gaps and never change."""

    sequence = column(
        "Its number in the organization's log, from 1 without gaps.", source="seq", filter=True, order=True, unique=True
    )
    type = column('What happened, as in "aircraft.updated".', filter=True)
    target_type = column('The id prefix of what it happened to, as in "ac".', filter=True)
    target_id = computed(
        "The global id of what it happened to, also when it is gone.",
        strawberry.ID,
        lambda m, _: m.target_type + "_" + cast(m.target_id, Text),
    )
    target = to_any(
        "Node",
        "What it happened to, as it is now; null when it is gone, or of a type that you may not see.",
        type="target_type",
        via="target_id",
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
    occurred_at = column("When it happened.", filter=True)
    recorded_at = column("When it was written to the log.", filter=True)
    previous_hash = column("The hash of the event with the number before; 64 zeros for the first.")
    hash = column("SHA-256 over this event and `previousHash`: the log's chain, which `audit verify` checks.")


event = one("event", Event, "An event by id.")
event_list = many("events", Event, "The organization's event log, newest first.")


@followed(requires=Permission.EVENT_READ, entities={"event": (Event, "What happened.")})
def events(types: Types = None) -> Select:
    """Every event of the organization as it happens, and before that those after the cursor `after`.

    Nothing is missed or doubled. The subscription ends with the code RESYNC when the cursor cannot be continued. A
    connection that takes messages too slowly, or whose server stops, is closed: subscribe again with your last cursor.
    """
    wanted = None if types is None else frozenset(types)
    return lambda event: {"event": event.id} if wanted is None or event.type in wanted else None


event_aggregate = aggregate("eventAggregate", Event, "How much happened, by type, target or time.")

QUERIES = [event, event_list, event_aggregate]
SUBSCRIPTIONS: list[Listened] = [events]
