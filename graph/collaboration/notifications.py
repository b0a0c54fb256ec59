"""Notifications in the graph: everybody sees their own, and nobody else's."""

from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import and_, func, literal_column, select

from db.collaboration.notifications import Notification as NotificationRow
from db.collaboration.notifications import NotificationChannel, NotificationKind, NotificationPreference
from db.identity.users import User as UserRow
from domain.collaboration import notifications as commands
from domain.collaboration import telling
from domain.collaboration.rules.notifications import USUAL, notice_id
from domain.context import Actor, Ctx
from graph.compiler.abstract import to_any
from graph.compiler.projection import Expression, column, computed, projection, to_one
from graph.compiler.roots import many, one, one_self
from graph.core import ids
from graph.core.enums import describe
from graph.core.followed import LogEvent, Select, Shown, followed
from graph.core.mutations import mutation
from graph.core.room import Listened

describe(
    NotificationKind,
    "What a notification is about. People say for each kind how they want to be told.",
    {
        "MEMBERSHIP": "Your membership, your roles and your departments. Usually in the app and by mail.",
        "SECURITY": "A new password or device, a session that may have been stolen. Usually in the app and by mail.",
        "AIRCRAFT_STATUS": "Somebody set what an aircraft does; for those who manage the fleet. Usually in the app.",
        "UTILISATION_CORRECTED": "Somebody corrected what you recorded. Usually in the app and by mail.",
        "FEED_MESSAGE": "Somebody wrote in the feed of the organization or of your department. Usually in the app.",
        "REMINDER": "Something of yours is due soon: an action, a finding, a licence. Usually in the app and by mail.",
        "ESCALATION": "Something is overdue that you, or people you answer for, must act on. Usually in the app and "
        "by mail.",
    },
)
describe(
    NotificationChannel,
    "A way of being told.",
    {"IN_APP": "In the list of notifications, and live.", "MAIL": "By a mail to the address you sign in with."},
)


def _mine(row: Any, actor: Any) -> Any:
    return row.user_id == actor.user_id


def _myself(row: Any, actor: Any) -> Any:
    return row.id == actor.user_id


def _unread(me: Any, actor: Any) -> Any:
    row = NotificationRow
    return (
        select(func.count())
        .select_from(row)
        .where(row.org_id == actor.org_id, row.user_id == me.id, row.in_app, row.read_at.is_(None))
        .correlate(me)
        .scalar_subquery()
    )


def _wanted(channel: NotificationChannel) -> Expression:
    """The kinds that a person is told of in a channel: the usual ones, but where they said otherwise."""
    every = ", ".join(f"'{kind}'" for kind in NotificationKind)
    usual = [kind.value for kind in NotificationKind if channel in USUAL[kind]]

    def kinds(me: Any, actor: Any) -> Any:
        said = NotificationPreference
        kind = func.unnest(literal_column(f"ARRAY[{every}]::text[]")).table_valued("kind").render_derived(name="kinds")
        own = and_(
            said.org_id == actor.org_id,
            said.user_id == me.id,
            said.kind == kind.c.kind,
            said.channel == channel.value,
        )
        found = (
            select(kind.c.kind)
            .select_from(kind.outerjoin(said, own))
            .where(func.coalesce(said.enabled, kind.c.kind.in_(usual)))
            .order_by(kind.c.kind)
            .correlate(me)
        )
        return func.array(found.scalar_subquery())

    return kinds


@projection(
    NotificationRow,
    prefix="ntf",
    visible=lambda m, actor: _mine(m, actor) & m.in_app,
    default_order=("-sequence",),
    logged=True,
)
class Notification:
    """Something that happened and that you should know of. You see your own notifications only; for each event there
    is one at most."""

    sequence = column(
        "The number of the event in the organization's log; later ones are greater.",
        filter=True,
        order=True,
        unique=True,  # of a person's own, which are all that anybody sees
    )
    kind = column("What it is about.", enum=NotificationKind, filter=True)
    text = column("What happened, in a sentence or two.")
    target_type = column('The id prefix of what it happened to, as in "ac".', filter=True)
    target = to_any(
        "Node",
        "What it happened to, as it is now; null when it is gone, or of a type that you may not see.",
        type="target_type",
        via="target_id",
    )
    actor = to_one(
        "User",
        "Who did it; null when it was the platform, or somebody whom you may not see.",
        via="actor_id",
        nullable=True,
    )
    event = to_one("Event", "What happened, in full.", via="event_id", nullable=True)
    occurred_at = column("When it happened.", filter=True)
    created_at = column("When you were told.", filter=True)
    read_at = column("When you marked it as read; null while it is unread.", filter=True, logged=False)


@projection(UserRow, prefix="nbx", visible=_myself)
class NotificationInbox:
    """Your notifications as a whole, in the organization you work in."""

    unread_count = computed("How many of your notifications are unread.", int, _unread)


@projection(UserRow, prefix="npr", visible=_myself)
class NotificationPreferences:
    """How you want to be told of what happens in the organization you work in. See `setNotificationPreference`."""

    in_app = computed(
        "The kinds you are told of in the app.", list[NotificationKind], _wanted(NotificationChannel.IN_APP)
    )
    mail = computed("The kinds you get mails about.", list[NotificationKind], _wanted(NotificationChannel.MAIL))


notification = one("notification", Notification, "A notification of yours by id.")
notification_list = many("notifications", Notification, "Your notifications, the latest first.")
inbox = one_self(
    "notificationInbox",
    NotificationInbox,
    "Your notifications as a whole; a guest has none.",
    _myself,
)
preferences = one_self(
    "notificationPreferences",
    NotificationPreferences,
    "How you want to be told of what happens in the organization you work in.",
    _myself,
)


@strawberry.input(description="Which notifications to mark. Give either `ids` or `through`.")
class MarkNotificationsReadInput:
    ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="These, `ntf_…`; at most 1,000. What is not yours is passed over."
    )
    through: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="This one, `ntf_…`, and all before it: the latest that you have seen."
    )
    read: bool = strawberry.field(default=True, description="False makes them unread again.")


@strawberry.input(description="Whether to be told of a kind of event in a channel.")
class SetNotificationPreferenceInput:
    kind: NotificationKind = strawberry.field(description="What it is about.")
    channel: NotificationChannel = strawberry.field(description="How.")
    enabled: bool = strawberry.field(description="Whether you want to be told so from now on.")


@mutation(entity=("notificationInbox", NotificationInbox))
async def mark_notifications_read(ctx: Ctx, input: MarkNotificationsReadInput) -> UUID:
    """Mark notifications of yours as read, or as unread."""
    given = None if not isinstance(input.ids, list) else [ids.decode("ntf", text) for text in input.ids]
    through = ids.decode("ntf", input.through) if input.through else None
    return await commands.mark_read(ctx, ids=given, through=through, read=input.read)


@mutation(entity=("notificationPreferences", NotificationPreferences))
async def set_notification_preference(ctx: Ctx, input: SetNotificationPreferenceInput) -> UUID:
    """Say whether you want to be told of a kind of event in the app, or by mail. It holds for what happens from now
    on, in the organization you work in."""
    return await commands.set_preference(ctx, kind=input.kind, channel=input.channel, enabled=input.enabled)


@followed(
    entities={
        "notification": (Notification, "What you are told."),
        "inbox": (NotificationInbox, "Your notifications as a whole, when the message is made."),
    },
    personal=True,
)
def notifications(actor: Actor) -> Select:
    """Your notifications as they come, and before that those after the cursor `after`, each exactly once. Nobody hears
    of anybody else's."""
    me = actor.user_id

    def shown(event: LogEvent) -> Shown:
        if me is None or event.type != telling.SENT or not telling.concerns(event.after, me):
            return None
        return {"notification": notice_id(event.target_id, me), "inbox": me}

    return shown


PROJECTIONS = [Notification, NotificationInbox, NotificationPreferences]
QUERIES = [notification, notification_list, inbox, preferences]
MUTATIONS = [mark_notifications_read, set_notification_preference]
SUBSCRIPTIONS: list[Listened] = [notifications]
