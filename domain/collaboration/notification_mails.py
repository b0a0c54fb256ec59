"""Mails about notifications: each goes out once at most, and the row of the mail says how far it is.

Who hands a mail to a server first makes it SENDING, and commits that. Only the server's refusal makes it QUEUED again:
when a worker dies or a connection is lost in between, nobody can tell whether the mail went out, and it stays as it is.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.collaboration.notifications import MailState, Notification, NotificationKind, NotificationMail
from db.identity.memberships import Membership, MembershipState
from db.identity.organizations import Organization
from db.identity.users import User, UserState

TO_FORMER = (NotificationKind.MEMBERSHIP, NotificationKind.SECURITY)


@dataclass(frozen=True)
class Letter:
    """What a mail says, and to whom."""

    email: str
    name: str
    organization: str
    kind: str
    text: str
    occurred_at: datetime


async def compose(session: AsyncSession, org_id: UUID, id: UUID) -> Letter | None:
    """The mail about a notification; None when it went out already, or is of no use any more: it is read, or the
    person may no longer sign in. Who is no longer a member is told so, and what concerns their account."""
    state = await session.scalar(
        select(NotificationMail.state).where(NotificationMail.org_id == org_id, NotificationMail.id == id)
    )
    if state != MailState.QUEUED:
        return None
    row = (
        await session.execute(
            select(
                Notification.kind,
                Notification.text,
                Notification.occurred_at,
                Notification.read_at,
                User.email,
                User.name,
                (User.state == UserState.ACTIVE).label("active"),
                User.email_verified_at,
                Membership.state,
                Organization.name.label("organization"),
            )
            .join(User, User.id == Notification.user_id)
            .join(Membership, (Membership.org_id == org_id) & (Membership.user_id == Notification.user_id))
            .join(Organization, Organization.id == org_id)
            .where(Notification.org_id == org_id, Notification.id == id)
        )
    ).one_or_none()
    gone = row is None or (row.state != MembershipState.ACTIVE and row.kind not in TO_FORMER)
    if row is None or gone or row.read_at is not None or not row.active or row.email_verified_at is None:
        await settle(session, org_id, id, MailState.SKIPPED)
        return None
    return Letter(row.email, row.name, row.organization, row.kind, row.text, row.occurred_at)


async def claim(session: AsyncSession, org_id: UUID, id: UUID) -> bool:
    """Whether it is the caller, and nobody else, who hands the mail to a server."""
    return await _move(session, org_id, id, MailState.QUEUED, MailState.SENDING)


async def settle(session: AsyncSession, org_id: UUID, id: UUID, state: MailState) -> None:
    """How it ended."""
    before = MailState.QUEUED if state is MailState.SKIPPED else MailState.SENDING
    await _move(session, org_id, id, before, state)


async def _move(session: AsyncSession, org_id: UUID, id: UUID, before: MailState, after: MailState) -> bool:
    query = (
        update(NotificationMail)
        .where(NotificationMail.org_id == org_id, NotificationMail.id == id, NotificationMail.state == before)
        .values(state=after, changed_at=func.clock_timestamp())
        .returning(NotificationMail.id)
    )
    return (await session.execute(query)).one_or_none() is not None
