"""What the demo's owner is told: a colleague corrected a flight that they had recorded."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.collaboration.notifications import NotificationChannel, NotificationKind, NotificationPreference
from db.fleet.utilisation import UtilisationEntry, UtilisationKind
from db.identity.memberships import Membership
from db.identity.organizations import Organization
from db.session import Database
from domain.collaboration import notifications
from domain.context import Actor, Ctx
from domain.fleet import utilisation

COLLEAGUES = ("PLANNING_ENGINEER", "MANAGER")


async def load(db: Database, actor: Actor) -> None:
    """Do so in an organization where nobody has said how they want to be told; otherwise nothing. One transaction."""
    async with db.tenant(actor.org_id, actor.user_id) as session:
        # Two loads at once: the second waits here.
        await session.execute(
            select(Organization.id).where(Organization.id == actor.org_id).with_for_update(key_share=True)
        )
        colleague = await _colleague(session, actor.org_id)
        if colleague is None or await session.scalar(select(NotificationPreference.id).limit(1)):
            return
        await notifications.set_preference(
            Ctx(actor, session), kind=NotificationKind.FEED_MESSAGE, channel=NotificationChannel.MAIL, enabled=True
        )
        flight = await _last_flight(session, actor)
        if flight is not None:
            await utilisation.correct(
                Ctx(Actor(actor.org_id, colleague, actor.permissions), session),
                flight.id,
                minutes=flight.minutes - 5,
                cycles=flight.cycles,
                note="As the pilot's log has it",
            )


async def _colleague(session: AsyncSession, org_id: UUID) -> UUID | None:
    found: UUID | None = await session.scalar(
        select(Membership.user_id)
        .where(Membership.org_id == org_id, Membership.roles.overlap(list(COLLEAGUES)))
        .order_by(Membership.created_at, Membership.id)
        .limit(1)
    )
    return found


async def _last_flight(session: AsyncSession, actor: Actor) -> UtilisationEntry | None:
    """The actor's last flight that nobody has corrected."""
    corrected = select(UtilisationEntry.corrects_id).where(UtilisationEntry.corrects_id.is_not(None))
    found: UtilisationEntry | None = await session.scalar(
        select(UtilisationEntry)
        .where(
            UtilisationEntry.org_id == actor.org_id,
            UtilisationEntry.reporter_id == actor.user_id,
            UtilisationEntry.kind == UtilisationKind.FLIGHT,
            UtilisationEntry.minutes > 10,
            UtilisationEntry.id.not_in(corrected),
        )
        .order_by(UtilisationEntry.flown_on.desc(), UtilisationEntry.id.desc())
        .limit(1)
    )
    return found
