"""Following the log for a subscription of one person that cannot be declared (`graph.core.followed`): replay after a
cursor, then live, with a cursor for each event. Its messages are made for each subscriber."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from domain.events.cursors import Cursors
from domain.events.reading import EventRow
from graph.core.followed import CURSOR
from graph.core.subscriptions import Listener

__all__ = ["CURSOR", "After", "Change", "changes"]

After: TypeAlias = Annotated[
    str | None,
    strawberry.argument(description="A `cursor` got before: what happened after it comes first. Null: from now on."),
]


@dataclass(frozen=True, slots=True)
class Change:
    """One event and the cursor that resumes behind it."""

    cursor: str
    event: EventRow


async def changes(
    listener: Listener,
    *,
    after: str | None,
    target_type: str | None = None,
    target_ids: Collection[UUID] | None = None,
    types: Collection[str] | None = None,
) -> AsyncGenerator[Change]:
    """The organization's events after the cursor `after`, or from now on, each exactly once and without end.

    `target_type` is an id prefix ("ac"); `target_ids` and `types` ("aircraft.updated") keep just these. Raises
    BadUserInputError for a cursor that is not this organization's, ResyncError for one that cannot be continued.
    """
    platform, org_id = listener.platform, listener.actor.org_id
    cursors, epoch = Cursors.from_settings(platform.settings), await platform.live.epoch()
    seq = None if after is None else cursors.decode(after, epoch, org_id)
    async with aclosing(platform.live.events(org_id, seq)) as events:
        async for event in events:
            if (
                (target_type is None or event.target_type == target_type)
                and (target_ids is None or event.target_id in target_ids)
                and (types is None or event.type in types)
            ):
                yield Change(cursors.encode(epoch, org_id, event.seq), event)
