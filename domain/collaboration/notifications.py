"""Commands of people on their own notifications."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from uuid_utils.compat import uuid7

from db.collaboration.notifications import (
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationPreference,
)
from db.identity.memberships import Membership
from domain.collaboration.rules.notifications import wanted
from domain.context import Ctx
from domain.entities import change
from domain.errors import ErrorCode, ForbiddenError, NotFoundError, refuse

MOST_AT_ONCE = 1000
PREFERENCES = "npr"


async def mark_read(
    ctx: Ctx, *, ids: Sequence[UUID] | None = None, through: UUID | None = None, read: bool = True
) -> UUID:
    """Mark one's own notifications as read (or unread): these, or the one `through` and all before it. Ids that are
    no notification of the actor's are passed over. Returns the person.

    No event tells of it: what somebody has read is nobody else's business, and the log keeps everything for ever.
    """
    user_id = await _member(ctx)
    if (ids is None) == (through is None):
        raise refuse(ErrorCode.REQUIRED, "Give either `ids` or `through`.", "input")
    if ids is not None and len(ids) > MOST_AT_ONCE:
        raise refuse(ErrorCode.OUT_OF_RANGE, f"Give at most {MOST_AT_ONCE} ids, or `through`.", "input", "ids")
    own = (Notification.org_id == ctx.actor.org_id, Notification.user_id == user_id, Notification.in_app)
    changed = update(Notification).where(
        *own, Notification.read_at.is_(None) if read else Notification.read_at.is_not(None)
    )
    if through is not None:
        last = await ctx.session.scalar(select(Notification.sequence).where(*own, Notification.id == through))
        if last is None:
            raise refuse(ErrorCode.NOT_FOUND, "You have no such notification.", "input", "through")
        changed = changed.where(Notification.sequence <= last)
    else:
        changed = changed.where(Notification.id.in_(ids or ()))
    await ctx.session.execute(changed.values(read_at=ctx.now if read else None))
    return user_id


async def set_preference(ctx: Ctx, *, kind: NotificationKind, channel: NotificationChannel, enabled: bool) -> UUID:
    """Say whether to be told of a kind of event in a channel, from now on. Returns the person."""
    user_id = await _member(ctx)
    found = await ctx.session.scalar(
        select(NotificationPreference).where(
            NotificationPreference.org_id == ctx.actor.org_id,
            NotificationPreference.user_id == user_id,
            NotificationPreference.kind == kind,
            NotificationPreference.channel == channel,
        )
    )
    was = wanted(kind, channel) if found is None else found.enabled
    if was == enabled:
        return user_id
    if found is None:
        found = NotificationPreference(
            org_id=ctx.actor.org_id, id=uuid7(), user_id=user_id, kind=kind, channel=channel, enabled=enabled
        )
        ctx.session.add(found)
    else:
        change(found, enabled=enabled)
    about = {"kind": kind, "channel": channel}
    ctx.record(
        "notification_preference.set",
        PREFERENCES,
        user_id,
        before=about | {"enabled": was},
        after=about | {"enabled": enabled},
    )
    return user_id


async def _member(ctx: Ctx) -> UUID:
    """The actor, whose membership is locked: what one person says at once in two places is done one after the other.
    NotFoundError for a superuser who is a guest."""
    if ctx.actor.user_id is None:
        raise ForbiddenError("Only a person has notifications.")
    found: UUID | None = await ctx.session.scalar(
        select(Membership.user_id)
        .where(Membership.org_id == ctx.actor.org_id, Membership.user_id == ctx.actor.user_id)
        .with_for_update(key_share=True)
    )
    if found is None:
        raise NotFoundError("You are no member of this organization, so you have no notifications here.")
    return found
