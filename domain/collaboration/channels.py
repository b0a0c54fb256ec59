"""Who reads which channel of the feed: one rule, for every list, count, object, message and command."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from db.collaboration.feed import FeedChannel
from db.identity.departments import DepartmentMembership
from domain.context import Ctx
from domain.errors import ErrorCode, UserErrors, refuse
from domain.permissions import Permission


def readable(row: Any, actor: Any) -> ColumnElement[bool]:
    """SQL: `row` (it has a department_id) is of the whole organization, of a department that the actor is in, or
    the actor moderates. `actor` has org_id, user_id and permissions as SQL expressions."""
    mine = select(DepartmentMembership.department_id).where(
        DepartmentMembership.org_id == actor.org_id, DepartmentMembership.user_id == actor.user_id
    )
    return or_(
        row.department_id.is_(None),
        literal(Permission.FEED_MODERATE.value, Text()) == any_(actor.permissions),
        row.department_id.in_(mine),
    )


def binds(ctx: Ctx) -> SimpleNamespace:
    """The actor of a command as `readable` takes it."""
    return SimpleNamespace(
        org_id=literal(ctx.actor.org_id, Uuid()),
        user_id=literal(ctx.actor.user_id, Uuid()),
        permissions=literal(sorted(ctx.actor.permissions), ARRAY(Text())),
    )


async def access(ctx: Ctx, channel_id: UUID) -> FeedChannel:
    """A channel that the actor may read and so may post to; UserErrors for any other, there or not."""
    found: FeedChannel | None = await ctx.session.scalar(
        select(FeedChannel).where(
            FeedChannel.org_id == ctx.actor.org_id, FeedChannel.id == channel_id, readable(FeedChannel, binds(ctx))
        )
    )
    if found is None:
        raise no_channel()
    return found


def no_channel() -> UserErrors:
    text = "There is no such channel, or it is of a department that you are not in."
    return refuse(ErrorCode.NOT_FOUND, text, "input", "channelId")
