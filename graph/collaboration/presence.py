"""Presence in the graph: who is there, and saying that one is."""

from typing import Annotated, Any

import strawberry

from db.collaboration.presence import Presence as PresenceRow
from db.collaboration.presence import PresenceState
from domain.collaboration import presence
from domain.context import Ctx
from domain.events.reading import cursor_now
from domain.permissions import Permission
from graph.compiler.projection import column, projection, to_one
from graph.compiler.roots import many, one
from graph.core.enums import describe
from graph.core.mutations import mutation
from graph.events.changed import changed
from runtime.settings import settings

describe(
    PresenceState,
    "Whether somebody is there.",
    {
        "ACTIVE": "There, and doing something.",
        "IDLE": "There, but doing nothing, or silent for a while.",
        "OFFLINE": "Not there: said so, or silent for longer.",
    },
)


@projection(PresenceRow, prefix="prs", requires=Permission.MEMBER_READ, default_order=("-since",), logged=True)
class Presence:
    """Whether a person is there. Who has never reported in the organization has none."""

    user = to_one("User", "The person; null for a superuser from the platform.", via="user_id", nullable=True)
    state = column("What the liveliest of the person's sessions is.", enum=PresenceState, filter=True, order=True)
    since = column("Since when it is so.", filter=True, order=True)


presence_one = one("presence", Presence, "Somebody's presence by id.")
presence_list = many("presences", Presence, "Who is there, who last changed first.")

State = Annotated[
    PresenceState,
    strawberry.argument(
        description="ACTIVE or IDLE as a sign of life, which is good for a minute or so; OFFLINE to say good-bye."
    ),
]


@mutation(
    requires=Permission.MEMBER_READ,
    entity=("presence", Presence),
    payload={
        "cursor": (
            str | None,
            "Where the organization's log stands: read now, then subscribe `after` this, and you miss nothing.",
        )
    },
)
async def report_presence(ctx: Ctx, state: State) -> dict[str, Any]:
    """Give a sign of life of your session, three times a minute or whenever your state changes. You are what your
    liveliest session is; silence makes you IDLE and then OFFLINE. Repeating what was said costs next to nothing and
    is no event."""
    found = await presence.report(ctx, state=state, timeouts=presence.timeouts_of(settings()))
    return {"presence": found, "cursor": await cursor_now(ctx.session, settings(), ctx.actor.org_id)}


QUERIES = [presence_one, presence_list]
MUTATIONS = [report_presence]
SUBSCRIPTIONS = [changed(Presence)]
