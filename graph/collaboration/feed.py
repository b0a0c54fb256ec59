"""The feed in the graph: channels with what is unread, and their messages."""

from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, func, or_, select

from db.collaboration.feed import FeedChannel as FeedChannelRow
from db.collaboration.feed import FeedMessage as FeedMessageRow
from db.collaboration.feed import FeedPosition
from db.identity.departments import DepartmentMembership
from db.identity.memberships import Membership
from domain.collaboration import channels, feed
from domain.context import Ctx
from domain.permissions import Permission
from graph.compiler.projection import ActorBinds, column, computed, projection, to_many, to_one
from graph.compiler.roots import many, one
from graph.core import ids
from graph.core.mutations import mutation
from graph.events.changed import changed
from graph.identity.inputs import EXPECTED_VERSION

MOST_UNREAD = 1_000


def _read_through(channel: Any, actor: ActorBinds) -> ColumnElement[int]:
    found = (
        select(FeedPosition.number)
        .where(
            FeedPosition.org_id == channel.org_id,
            FeedPosition.channel_id == channel.id,
            FeedPosition.user_id == actor.user_id,
        )
        .correlate(channel)
    )
    return func.coalesce(found.scalar_subquery(), 0)


def _joined(channel: Any, actor: ActorBinds) -> ColumnElement[Any]:
    """When the actor came to the channel; null for who moderates from outside."""
    to_department = (
        select(DepartmentMembership.created_at)
        .where(
            DepartmentMembership.org_id == channel.org_id,
            DepartmentMembership.department_id == channel.department_id,
            DepartmentMembership.user_id == actor.user_id,
        )
        .correlate(channel)
    )
    to_organization = (
        select(Membership.created_at)
        .where(Membership.org_id == channel.org_id, Membership.user_id == actor.user_id)
        .correlate(channel)
    )
    return func.coalesce(to_department.scalar_subquery(), to_organization.scalar_subquery())


def _unread(channel: Any, actor: ActorBinds) -> ColumnElement[int]:
    """Others' messages behind the actor's position, counted by the channel's index and not beyond MOST_UNREAD."""
    joined = _joined(channel, actor)
    found = (
        select(FeedMessageRow.number)
        .where(
            FeedMessageRow.org_id == channel.org_id,
            FeedMessageRow.channel_id == channel.id,
            FeedMessageRow.number > _read_through(channel, actor),
            or_(joined.is_(None), FeedMessageRow.created_at >= joined),
            FeedMessageRow.author_id.is_distinct_from(actor.user_id),
            FeedMessageRow.deleted_at.is_(None),
        )
        .limit(MOST_UNREAD)
        .correlate(channel)
    )
    return select(func.count()).select_from(found.subquery()).scalar_subquery()


@projection(
    FeedChannelRow,
    prefix="fch",
    requires=Permission.FEED_READ,
    default_order=("name",),
    visible=channels.readable,
    logged=True,
)
class FeedChannel:
    """A part of the feed: the organization's, and one for each department. You see the organization's and those of
    your departments; with FEED_MODERATE all."""

    name = column("The name of the department, or of the organization.", filter=True, order=True)
    department = to_one(
        "Department", "The department; null for the organization's channel.", via="department_id", nullable=True
    )
    messages = to_many(
        "FeedMessage", "What was said in it, the latest first unless ordered otherwise.", via="channel_id"
    )
    # Reading is nobody else's business, so it is no event.
    read_through = computed(
        "The number of the last message that you have read; 0 before the first.", int, _read_through, logged=False
    )
    unread_count = computed(
        "How many messages of others came after `readThrough` and since you joined; 1,000 means that or more.",
        int,
        _unread,
        logged=False,
    )


@projection(
    FeedMessageRow,
    prefix="fm",
    requires=Permission.FEED_READ,
    default_order=("-createdAt",),
    visible=channels.readable,
    logged=True,
)
class FeedMessage:
    """A message in the feed. A deleted one keeps its place and loses its text."""

    channel = to_one("FeedChannel", "The channel it is in.", via="channel_id")
    channel_id = column("The id of its channel, for filters.", id_prefix="fch", filter=True)
    number = column("Its number in the channel, from 1 without gaps.")
    author = to_one(
        "User", "Who wrote it; null for the platform, and for a superuser from it.", via="author_id", nullable=True
    )
    text = column("What it says, in plain text with line breaks; null once it is deleted.")
    edited_at = column("When its text was last changed; null when it never was.")
    deleted_at = column("When it was deleted; null while it is not.")
    version = column("Counts changes; pass it as `expectedVersion`.")
    created_at = column("When it was posted.", filter=True, order=True)


feed_channel = one("feedChannel", FeedChannel, "A channel of the feed by id.")
feed_channels = many("feedChannels", FeedChannel, "The channels of the feed that you may read.")
feed_message = one("feedMessage", FeedMessage, "A message of the feed by id.")
feed_messages = many("feed", FeedMessage, "The feed: messages of all channels that you may read, newest first.")

TEXT = "What it says: plain text with line breaks, 1 to 4,000 characters."


@strawberry.input(description="A new message.")
class PostFeedMessageInput:
    text: str = strawberry.field(description=TEXT)
    channel_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The channel, `fch_…`; without it, the organization's."
    )


@strawberry.input(description="Another text for a message.")
class EditFeedMessageInput:
    id: strawberry.ID = strawberry.field(description="The message, `fm_…`.")
    expected_version: int = strawberry.field(description=EXPECTED_VERSION)
    text: str = strawberry.field(description=TEXT)


@mutation(requires=Permission.FEED_POST, entity=("feedMessage", FeedMessage))
async def post_feed_message(ctx: Ctx, input: PostFeedMessageInput) -> UUID:
    """Post a message to the organization or to one of your departments."""
    channel_id = ids.decode("fch", input.channel_id) if input.channel_id else None
    return await feed.post(ctx, text=input.text, channel_id=channel_id)


@mutation(requires=Permission.FEED_POST, entity=("feedMessage", FeedMessage))
async def edit_feed_message(ctx: Ctx, input: EditFeedMessageInput) -> UUID:
    """Change the text of a message of your own; it is marked as edited. What it said before is not kept."""
    return await feed.edit(ctx, ids.decode("fm", input.id), text=input.text, expected_version=input.expected_version)


MessageId = Annotated[strawberry.ID, strawberry.argument(description="The message, `fm_…`.")]
Through = Annotated[strawberry.ID, strawberry.argument(description="The last message that you have read, `fm_…`.")]


@mutation(requires=Permission.FEED_READ, entity=("feedMessage", FeedMessage))
async def delete_feed_message(ctx: Ctx, id: MessageId) -> UUID:
    """Delete a message of your own (needs FEED_POST), or with FEED_MODERATE anybody's: its text is gone for good, its
    place stays, marked as deleted."""
    return await feed.delete(ctx, ids.decode("fm", id))


@mutation(requires=Permission.FEED_READ, entity=("feedChannel", FeedChannel))
async def mark_feed_read(ctx: Ctx, through: Through) -> UUID:
    """Say that you have read a channel up to and with this message. It only moves forward: an earlier message than
    last time changes nothing."""
    return await feed.mark_read(ctx, through=ids.decode("fm", through))


QUERIES = [feed_channel, feed_channels, feed_message, feed_messages]
MUTATIONS = [post_feed_message, edit_feed_message, delete_feed_message, mark_feed_read]
SUBSCRIPTIONS = [changed(FeedMessage, name="feedChanged")]
