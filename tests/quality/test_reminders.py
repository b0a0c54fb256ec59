"""The runner of reminders: from what is due to what people are told."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from uuid_utils.compat import uuid7

from db.events import outbox
from db.identity.organizations import Organization
from db.quality.findings import FindingLevel
from db.quality.reminders import ReminderSent
from db.session import Database
from db.workforce.authorisations import Authorisation
from db.workforce.licences import Licence
from domain.quality import actions, findings
from domain.reminders import running
from domain.reminders.running import Outgoing
from tests.factories import fleet, quality
from tests.factories.events import event
from tests.factories.notifications import mails, told
from tests.quality.conftest import Crew

RAISED = date(2024, 1, 31)
DUE = date(2024, 4, 30)  # 90 days later, over a leap day


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


async def on(db: Database, crew: Crew, day: date, **values: Any) -> list[Outgoing]:
    return await running.run_in(db, crew.org_id, now=noon(day), **values)


async def went_out(db: Database, crew: Crew) -> int:
    async with db.tenant(crew.org_id) as session:
        return (await session.scalars(select(func.count()).select_from(ReminderSent))).one()


async def a_finding(db: Database, crew: Crew, **values: Any) -> UUID:
    given = {"owner_id": crew.mechanic.user_id, "department_id": crew.workshop} | values
    return await quality.finding(db, crew.manager, now=noon(RAISED), **given)


async def test_a_finding_from_the_first_reminder_to_the_accountable_manager(db: Database, crew: Crew) -> None:
    await a_finding(db, crew)
    mechanic, lead, head = crew.mechanic.user_id, crew.lead.user_id, crew.head.user_id
    heard: list[tuple[int, set[UUID]]] = []
    for days in (-31, -30, -29, -8, -7, -1, 0, 1, 2, 7, 13, 14, 60):
        shown = await on(db, crew, DUE + timedelta(days=days), dry_run=True)
        sent = await on(db, crew, DUE + timedelta(days=days))
        assert [each.as_json() for each in shown] == [each.as_json() for each in sent]
        assert await on(db, crew, DUE + timedelta(days=days)) == []
        heard += [(days, set(each.people)) for each in sent]
    assert heard == [
        (-30, {mechanic}),
        (-7, {mechanic}),
        (-1, {mechanic}),
        (1, {mechanic}),
        (7, {mechanic, lead}),
        (14, {mechanic, lead, head}),
    ]
    rows = [row for row in await told(db, crew.org_id) if row.kind in ("REMINDER", "ESCALATION")]
    assert [row.kind for row in rows] == ["REMINDER"] * 3 + ["ESCALATION"] * 6
    assert rows[0].text == "Finding 1 “Torque wrench out of calibration” must be closed by 2024-04-30: in 30 days."
    assert (rows[0].target_type, rows[0].in_app, rows[0].actor_id) == ("fnd", True, None)
    assert {row.user_id for row in rows if "14 days ago" in row.text} == {mechanic, lead, head}
    assert set(await mails(db, crew.org_id)) >= {row.id for row in rows}


async def test_any_number_of_runners_send_each_step_once(db: Database, crew: Crew) -> None:
    for _ in range(5):
        await a_finding(db, crew)
    day = DUE + timedelta(days=9)
    assert len(await on(db, crew, day, dry_run=True)) == 5
    assert await went_out(db, crew) == 0
    found = await asyncio.gather(*(on(db, crew, day) for _ in range(4)))
    assert sum(map(len, found)) == await went_out(db, crew) == 5
    assert {each.step for run in found for each in run} == {7}
    assert await on(db, crew, DUE + timedelta(days=6)) == []


async def test_another_due_day_begins_anew_and_what_is_done_is_quiet(db: Database, crew: Crew) -> None:
    finding = await a_finding(db, crew)
    plan = await quality.action(db, crew.worker, finding, target_on=date(2024, 4, 20), now=noon(RAISED))
    async with fleet.command(db, crew.manager, now=noon(RAISED)) as ctx:
        await actions.accept(ctx, plan)
    assert [(each.reminder.rule, each.step) for each in await on(db, crew, date(2024, 4, 25))] == [
        ("FINDING", -7),
        ("CORRECTIVE_ACTION", 1),
    ]
    async with fleet.command(db, crew.manager, now=noon(date(2024, 4, 26))) as ctx:
        await findings.extend(ctx, finding, due_on=date(2024, 5, 3), reason="Parts come late")
    [again] = await on(db, crew, date(2024, 4, 26))
    assert (again.step, again.reminder.due_on) == (-7, date(2024, 5, 3))
    async with fleet.command(db, crew.worker, now=noon(date(2024, 4, 27))) as ctx:
        await actions.implement(ctx, plan, note="Calibrated, certificate 44")
    assert await on(db, crew, date(2024, 4, 28)) == []
    async with fleet.command(db, crew.manager, now=noon(date(2024, 4, 28))) as ctx:
        await actions.verify(ctx, plan, effective=True, note="Seen the certificate")
        await findings.close(ctx, finding)
    assert await on(db, crew, date(2024, 7, 1)) == []


async def test_a_level_1_finding_cannot_wait(db: Database, crew: Crew) -> None:
    finding = await a_finding(db, crew, level=FindingLevel.LEVEL_1)
    await quality.audit(db, crew.manager, now=noon(RAISED), planned_on=RAISED + timedelta(days=1))
    first, second = await on(db, crew, RAISED)
    assert {(first.reminder.rule, first.step), (second.reminder.rule, second.step)} == {
        ("IMMEDIATE_ACTION", 0),
        ("AUDIT", -1),
    }
    [to_lead] = await on(db, crew, RAISED + timedelta(days=1))
    assert to_lead.text.endswith("needed an immediate action on 2024-01-31: 1 day ago.")
    async with fleet.command(db, crew.worker, now=noon(RAISED + timedelta(days=2))) as ctx:
        await findings.contain(ctx, finding, immediate_action="Aircraft quarantined")
    assert await on(db, crew, RAISED + timedelta(days=2)) == []
    late, first = await on(db, crew, RAISED + timedelta(days=62))
    assert (late.reminder.rule, late.step) == ("AUDIT", 30)
    assert (first.reminder.rule, first.step, first.reminder.due_on) == ("FINDING", -30, date(2024, 5, 2))


async def test_it_is_the_day_of_the_organization(db: Database, crew: Crew) -> None:
    """In Auckland it begins at 11:00 UTC, as long as summer time lasts."""
    await a_finding(db, crew, due_on=date(2024, 4, 7))
    moment = datetime(2024, 3, 30, 11, 30, tzinfo=UTC)
    async with db.tenant(crew.org_id) as session:
        zone = update(Organization).where(Organization.id == crew.org_id)
        await session.execute(zone.values(time_zone="Pacific/Auckland"))
        outbox.record(session, event(crew.org_id))
    [early] = await running.run_in(db, crew.org_id, now=moment - timedelta(hours=1))
    [later] = await running.run_in(db, crew.org_id, now=moment)
    assert (early.step, later.step) == (-30, -7)


async def test_papers_that_expire(db: Database, crew: Crew) -> None:
    """Authorisations and licences: reminders only, for whoever holds them, while they are members and it counts."""
    mechanic, lead = crew.mechanic.user_id, crew.lead.user_id

    def licence(user_id: UUID, number: str, expires_on: date | None) -> Licence:
        return Licence(
            org_id=crew.org_id, id=uuid7(), user_id=user_id, authority="EASA", number=number, expires_on=expires_on
        )

    def authorisation(number: str, **values: Any) -> Authorisation:
        given = {"user_id": mechanic, "privilege": "MECHANIC", "valid_from": date(2023, 1, 1), "expires_on": DUE}
        return Authorisation(org_id=crew.org_id, id=uuid7(), number=number, **(given | values))

    async with db.tenant(crew.org_id) as session:
        session.add_all([licence(lead, "66.1", DUE), licence(mechanic, "66.2", None)])
        session.add_all([authorisation("M-1"), authorisation("M-2", expires_on=None)])
        session.add(authorisation("M-3", state="REVOKED", state_reason="Left the hangar"))
        outbox.record(session, event(crew.org_id))
    heard = []
    for days in (-61, -60, -31, -30, -7, 0, 1, 30):
        heard += [(days, each.text, each.people) for each in await on(db, crew, DUE + timedelta(days=days))]
    assert heard == [
        (days, f"{what} of Pat Doe expires on 2024-04-30: in {-days} days.", (whom,))
        for days in (-60, -30, -7)
        for what, whom in (("Authorisation M-1", mechanic), ("Licence EASA 66.1", lead))
    ]


async def test_all_organizations_or_one(db: Database, crew: Crew) -> None:
    await a_finding(db, crew)
    async with db.tenant(crew.org_id) as session:
        slug = (await session.scalars(select(Organization.slug).where(Organization.id == crew.org_id))).one()
    [only] = await running.run(db, now=noon(DUE), slug=slug)
    assert only.as_json() == {
        "organization": slug,
        "rule": "FINDING",
        "subject": f"fnd_{only.reminder.subject_id}",
        "dueOn": "2024-04-30",
        "step": -1,
        "text": "Finding 1 “Torque wrench out of calibration” must be closed by 2024-04-30: today.",
        "people": ["Pat Doe"],
    }
    assert slug not in {each.organization for each in await running.run(db, now=noon(DUE), dry_run=True)}
