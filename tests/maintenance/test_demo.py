"""The demo's maintenance organization: something in every state that a board shows."""

from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import func, select

from db.identity.users import User
from db.maintenance.defects import Defect, Deferral
from db.maintenance.due import DueItem
from db.maintenance.releases import Release
from db.maintenance.task_cards import TaskCard
from db.maintenance.work_orders import WorkOrder
from db.quality.findings import Finding
from db.session import Database
from db.workforce.authorisations import Privilege
from domain.context import Ctx
from domain.demo import SKYLINE
from domain.fleet.support import today
from domain.identity.tenancy import Authenticator
from domain.workforce import authorisations
from runtime.settings import Settings


async def test_something_in_every_state(demo_settings: Settings) -> None:
    db = Database(demo_settings, pooled=False)
    try:
        actor = await Authenticator(db, demo_settings).for_cli(SKYLINE.slug)
        async with db.tenant(actor.org_id, actor.user_id) as session:
            ctx = Ctx(actor, session, datetime.now(UTC))
            now_here = await today(ctx)
            items = Counter(tuple(row) for row in await session.execute(select(DueItem.kind, DueItem.state)))
            orders = Counter(await session.scalars(select(WorkOrder.status)))
            cards = Counter(await session.scalars(select(TaskCard.status)))
            defects = Counter(await session.scalars(select(Defect.status)))
            deferred = (await session.scalars(select(Deferral.due_on))).all()
            numbers = (await session.scalars(select(Release.number))).all()
            findings = await session.scalar(select(func.count()).select_from(Finding))
            rui, aisha = [
                await session.scalar(select(User.id).where(User.email == f"{name}@skyline.example"))
                for name in ("certifier", "engineer")
            ]
            refused = await authorisations.standing(ctx, rui, Privilege.CERTIFYING_STAFF, None, now_here)
            effective = await authorisations.standing(ctx, aisha, Privilege.CERTIFYING_STAFF, None, now_here)
    finally:
        await db.close()
    assert {state for kind, state in items if kind == "TASK"} >= {"OK", "DUE_SOON", "OVERDUE"}
    assert items["DIRECTIVE", "OVERDUE"] == 1
    assert items["COMPONENT_TASK", "OVERDUE"] > 0
    assert items.total() > 200
    assert set(orders) == {"DRAFT", "IN_PROGRESS", "AWAITING_RELEASE", "CLOSED"}
    assert set(cards) >= {"OPEN", "PERFORMED", "CLOSED"}
    assert defects == {"OPEN": 1, "DEFERRED": 4}
    assert sum(day < now_here for day in deferred if day) == 1
    assert list(numbers) == ["SKY-CRS-00001"]
    assert findings == 2
    assert effective.reasons == ()
    assert refused.reasons
