"""Commands on the feed.

Events say who did what to which message, and never what it said: the log keeps for ever what a deletion has to take
away, and whoever reads the log is not in every department.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from db.collaboration.feed import FeedMessage, FeedPosition
from domain import entities
from domain.collaboration import channels
from domain.collaboration.rules import feed as rules
from domain.context import Ctx
from domain.errors import ErrorCode, ForbiddenError, NotFoundError, refuse
from domain.permissions import Permission

PREFIX = "fm"


async def post(ctx: Ctx, *, text: str, channel_id: UUID | None = None) -> UUID:
    """A message to a department's channel, or (None) to the organization's."""
    ctx.check(Permission.FEED_POST)
    text = rules.text(text)
    channel = await channels.access(ctx, channel_id or ctx.actor.org_id)
    # One at a time in a channel: so numbers are dense, and who has seen one can miss none below it.
    await ctx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"feed:{channel.id}", 0))))
    last = await ctx.session.scalar(
        select(func.max(FeedMessage.number)).where(
            FeedMessage.org_id == ctx.actor.org_id, FeedMessage.channel_id == channel.id
        )
    )
    made = FeedMessage(
        org_id=ctx.actor.org_id,
        department_id=channel.department_id,
        number=(last or 0) + 1,
        author_id=ctx.actor.user_id,
        text=text,
    )
    # The department may be deleted at this very moment.
    async with entities.unique(ctx, fk_feed_messages_org_id_department_id=channels.no_channel()):
        ctx.session.add(made)
    # Without a department it is in the organization's channel.
    place = {"department_id": entities.as_json(made.department_id), "number": made.number}
    ctx.record("feed.posted", PREFIX, made.id, after=place)
    return made.id


async def edit(ctx: Ctx, message_id: UUID, *, text: str, expected_version: int) -> UUID:
    """Another text for one's own message."""
    ctx.check(Permission.FEED_POST)
    text = rules.text(text)
    found = await _access(ctx, message_id, expected_version)
    if found.author_id != ctx.actor.user_id:
        raise refuse(ErrorCode.NOT_ALLOWED, "Only its author changes a message.", "input", "id")
    if found.deleted_at is not None:
        raise refuse(ErrorCode.NOT_ALLOWED, "The message is deleted; post another one.", "input", "id")
    if found.text != text:
        found.text = text
        before, after = entities.change(found, edited_at=ctx.now)
        await ctx.session.flush()
        ctx.record("feed.edited", PREFIX, found.id, before=before, after=after)
    return found.id


async def delete(ctx: Ctx, message_id: UUID, *, expected_version: int | None = None) -> UUID:
    """Take away what one's own message says, or as a moderator what anybody's does; its place stays. Deleting it
    again changes nothing."""
    if not ctx.actor.can(Permission.FEED_MODERATE):
        ctx.check(Permission.FEED_POST)
    found = await _access(ctx, message_id, expected_version)
    if found.author_id != ctx.actor.user_id and not ctx.actor.can(Permission.FEED_MODERATE):
        raise refuse(ErrorCode.NOT_ALLOWED, "Only its author or a moderator deletes a message.", "id")
    if found.deleted_at is None:
        found.text = None
        before, after = entities.change(found, deleted_at=ctx.now)
        await ctx.session.flush()
        ctx.record("feed.deleted", PREFIX, found.id, before=before, after=after)
    return found.id


async def mark_read(ctx: Ctx, *, through: UUID) -> UUID:
    """Remember that the actor has read a channel up to and with this message, unless they have read further
    already. Returns the channel."""
    ctx.check(Permission.FEED_READ)
    if ctx.actor.user_id is None:
        raise ForbiddenError("Only a person reads the feed.")
    found = await _find(ctx, through)
    position = insert(FeedPosition).values(
        org_id=ctx.actor.org_id,
        user_id=ctx.actor.user_id,
        department_id=found.department_id,
        number=found.number,
        read_at=ctx.now,
    )
    key = [FeedPosition.org_id, FeedPosition.user_id, FeedPosition.channel_id]
    await ctx.session.execute(
        position.on_conflict_do_update(
            index_elements=key,
            set_={"number": position.excluded.number, "read_at": position.excluded.read_at},
            where=FeedPosition.number < position.excluded.number,
        )
    )
    return found.channel_id


async def _find(ctx: Ctx, message_id: UUID) -> FeedMessage:
    """A message that the actor may read."""
    found: FeedMessage | None = await ctx.session.scalar(
        select(FeedMessage).where(
            FeedMessage.org_id == ctx.actor.org_id,
            FeedMessage.id == message_id,
            channels.readable(FeedMessage, channels.binds(ctx)),
        )
    )
    if found is None:
        raise NotFoundError("There is no such message.")
    return found


async def _access(ctx: Ctx, message_id: UUID, expected_version: int | None) -> FeedMessage:
    """The same, locked. It is looked for first: a version must not be compared for who may not see it."""
    await _find(ctx, message_id)
    return await entities.access(ctx, FeedMessage, message_id, "message", expected_version)
