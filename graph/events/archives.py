"""How long the log is kept, and what is known of the events that were archived."""

from uuid import UUID

import strawberry

from db.events.archives import EventArchive as EventArchiveRow
from domain.context import Ctx
from domain.events import retention
from domain.permissions import Permission
from graph.compiler.projection import column, projection
from graph.compiler.roots import many
from graph.core.mutations import mutation
from graph.identity.inputs import EXPECTED_VERSION
from graph.identity.organizations import Organization


@projection(EventArchiveRow, prefix="ea", requires=Permission.EVENT_READ, default_order=("-fromSequence",), logged=True)
class EventArchive:
    """Events that the organization keeps no longer: a run of the log's oldest, deleted, and the digest that the rest of
    the log is proved against."""

    from_sequence = column("The number of its first event.", source="from_seq", filter=True, order=True, unique=True)
    to_sequence = column("The number of its last event.", source="to_seq", filter=True, order=True, unique=True)
    events = column("How many they were.", source="count")
    previous_hash = column("The hash that the first of them followed; 64 zeros for the log's very first.")
    last_hash = column("The hash of the last of them, which the next event in the log follows.")
    digest = column("SHA-256 over the hashes of these events, one after the other.")
    archived_at = column("When they were archived.", filter=True, order=True)
    hash = column("SHA-256 over all this and the archive before; the event `events.archived` names it.")


event_archives = many("eventArchives", EventArchive, "What is gone from the event log, newest first.")


@strawberry.input(description="How long the organization keeps its events.")
class SetEventRetentionInput:
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    months: int | None = strawberry.field(
        default=None, description="Whole months, 1 to 1,200, beside the one that has begun; null keeps events for ever."
    )


@mutation(requires=Permission.EVENT_MANAGE, entity=("organization", Organization))
async def set_event_retention(ctx: Ctx, input: SetEventRetentionInput) -> UUID:
    """Decide how long the events of the organization you work in are kept.

    What is older is archived within a day: the events are deleted, which nobody can take back, and an EventArchive
    with their digest stays, so that the rest can still be proved.
    """
    return await retention.set_months(ctx, input.months, input.expected_version)


QUERIES = [event_archives]
MUTATIONS = [set_event_retention]
