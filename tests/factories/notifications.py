"""Following the log as the worker does, and what came of it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from db.collaboration.notifications import Notification, NotificationMail
from db.events.heads import EventHead
from db.events.jobs import Job
from db.events.log import EventLog
from db.events.outbox import OutboxEvent
from db.session import Database
from domain.collaboration import telling
from tests.factories.events import until


async def numbered(db: Database, org_id: UUID) -> bool:
    """Whether the relay has numbered all events of the organization."""
    async with db.platform() as session:
        return not await session.scalar(
            select(func.count()).select_from(OutboxEvent).where(OutboxEvent.org_id == org_id)
        )


async def told(db: Database, org_id: UUID) -> list[Notification]:
    """All notifications of the organization, in order, once everybody was told of everything."""
    await until(lambda: numbered(db, org_id))
    while (await telling.tell(db, org_id)).more:
        pass
    return list(await stored(db, org_id))


async def stored(db: Database, org_id: UUID) -> Sequence[Notification]:
    async with db.tenant(org_id) as session:
        query = select(Notification).where(Notification.org_id == org_id)
        return (await session.scalars(query.order_by(Notification.sequence, Notification.user_id))).all()


async def mails(db: Database, org_id: UUID) -> dict[UUID, str]:
    """The state of each mail."""
    async with db.tenant(org_id) as session:
        rows = await session.execute(
            select(NotificationMail.id, NotificationMail.state).where(NotificationMail.org_id == org_id)
        )
        return {row.id: row.state for row in rows}


async def mail_jobs(db: Database, org_id: UUID) -> list[UUID]:
    async with db.tenant(org_id) as session:
        query = select(Job.id).where(Job.org_id == org_id, Job.kind == telling.MAIL_JOB)
        return list(await session.scalars(query.order_by(Job.id)))


async def sent_events(db: Database, org_id: UUID) -> list[EventLog]:
    """The events that say who was told."""
    await until(lambda: numbered(db, org_id))
    async with db.tenant(org_id) as session:
        query = select(EventLog).where(EventLog.org_id == org_id, EventLog.type == telling.SENT)
        return list(await session.scalars(query.order_by(EventLog.seq)))


async def head(db: Database, org_id: UUID) -> int:
    async with db.tenant(org_id) as session:
        return int(await session.scalar(select(EventHead.seq).where(EventHead.org_id == org_id)) or 0)
