"""The runner of reminders: from what is due to what people are told."""

import asyncio
import json
import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from sqlalchemy import func, select, update
from typer.testing import CliRunner

from db.events import outbox
from db.identity.organizations import Organization
from db.maintenance.defects import MelCategory
from db.maintenance.directives import DirectiveKind
from db.quality.findings import FindingLevel
from db.quality.reminders import ReminderSent
from db.session import Database
from db.workforce.authorisations import AuthorisationState
from domain.errors import NotFoundError
from domain.maintenance import defects, directives
from domain.maintenance.directives import Range
from domain.quality import actions, findings
from domain.reminders import running
from domain.reminders.running import Outgoing
from domain.workforce import authorisations
from runtime.cli import app
from runtime.settings import Settings
from tests.factories import fleet, quality, work, workforce
from tests.factories.events import event
from tests.factories.notifications import mails, told
from tests.quality.conftest import Crew
from workers.service import KEY, options

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
    """Reminders only, for whoever holds them, while it counts."""
    boss, mechanic, lead = crew.boss, crew.mechanic.user_id, crew.lead.user_id
    await workforce.licence(db, boss, lead, number="66.1", issued_on=date(2019, 5, 1), expires_on=DUE)
    await workforce.licence(db, boss, mechanic)
    await workforce.authorisation(db, boss, mechanic, number="M-1", expires_on=DUE)
    await workforce.authorisation(db, boss, mechanic, number="M-2")
    ended = await workforce.authorisation(db, boss, mechanic, number="M-3", expires_on=DUE)
    async with fleet.command(db, boss) as ctx:
        await authorisations.set_state(ctx, ended, state=AuthorisationState.REVOKED, reason="Left the hangar")
    course = await workforce.course(db, boss, code="HF", name="Human factors", validity_months=24)
    for day in (date(2020, 4, 30), date(2022, 4, 30)):  # the later one counts
        await workforce.training(db, boss, mechanic, course, completed_on=day)
    papers = [
        ("Authorisation M-1 of Pat Doe", mechanic),
        ("Licence EASA DE 66.1 of Pat Doe", lead),
        ("Training HF “Human factors” of Pat Doe", mechanic),
    ]
    heard = []
    for days in (-61, -60, -31, -30, -7, 0, 1, 30):
        heard += [(days, each.text, each.people) for each in await on(db, crew, DUE + timedelta(days=days))]
    assert heard == [
        (days, f"{what} expires on 2024-04-30: in {-days} days.", (whom,))
        for days in (-60, -30, -7)
        for what, whom in papers
    ]


async def test_what_maintenance_must_not_miss(db: Database, settings: Settings) -> None:
    """A day by the calendar; a forecast that moves with what is flown, and says nothing twice; a deferred defect."""
    crew = await work.crew(db, settings)
    planner, certifier = crew.planner, (await work.actors(db, crew))["certifier"]
    now = datetime.now(UTC)
    today = now.date()

    async def sent(later: int = 0) -> dict[str, int]:
        found = await running.run_in(db, crew.org_id, now=now + timedelta(days=later))
        return {each.text.partition(" on ")[0].partition(" of ")[0]: each.step for each in found}

    async def directive(number: str, **within: int) -> None:
        given = {"kind": DirectiveKind.AD, "title": "Slats", "issuer": "EASA", "applicability": [Range(crew.type_id)]}
        async with fleet.command(db, planner) as ctx:
            await directives.create(ctx, number=number, effective_on=today - timedelta(days=10), **given, **within)

    async def flown(minutes: int, days_ago: int) -> None:
        day = today - timedelta(days=days_ago)
        await fleet.flight(db, planner, crew.aircraft_id, flown_on=day, minutes=minutes, cycles=1)

    await flown(600, 5)  # 600 minutes of the last 90 days
    await directive("2026-0001", within_days=40)
    await directive("2026-0002", within_minutes=900)  # 300 are left: 45 days
    async with fleet.command(db, certifier) as ctx:
        defect = await defects.report(ctx, aircraft_id=crew.aircraft_id, description="Slat light")
        await defects.defer(ctx, defect, category=MelCategory.C, mel_item="27-80-01")
    assert await sent() == {"Directive 2026-0001": -30, "Directive 2026-0002": -60, "Defect 1": -30}
    await flown(60, 4)  # 240 of them: 32 days
    assert await sent() == {}
    await flown(60, 3)  # 180 of them: 22 days
    assert await sent() == {"Directive 2026-0002": -30}
    [overdue] = await running.run_in(db, crew.org_id, now=now + timedelta(days=11))
    assert (overdue.step, set(overdue.people)) == (1, {certifier.user_id, crew.owner.user_id})
    assert overdue.text.startswith("Defect 1 of D-")
    assert "deferred under MEL 27-80-01 (C), had to be rectified by" in overdue.text


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
    with pytest.raises(NotFoundError, match="no organization 'nobody'"):
        await running.run(db, slug="nobody")


async def test_the_command_and_the_worker(
    db: Database, crew: Crew, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_finding(db, crew)
    async with db.tenant(crew.org_id) as session:
        slug = (await session.scalars(select(Organization.slug).where(Organization.id == crew.org_id))).one()
    monkeypatch.setattr("runtime.settings.settings", lambda: settings)

    async def command(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["reminders", "run", *arguments])

    shown = await command("--organization", slug, "--dry-run")
    assert (shown.exit_code, shown.stderr) == (0, "1 would go out.\n")
    assert re.fullmatch(rf"{slug}: Finding 1 “.*” had to be closed by .* ago\. -> (Pat Doe(, )?){{3}}\n", shown.stdout)
    sent = await command("--organization", slug, "--json")
    [only] = json.loads(sent.stdout)
    assert (only["organization"], only["rule"], only["step"]) == (slug, "FINDING", 14)
    assert (await command("--organization", slug)).stdout == ""
    # The worker's, every hour: what is new by then.
    await a_finding(db, crew)
    [hourly] = [job for job in options(settings)["cron_jobs"] if job.hour is None]
    await hourly.coroutine({KEY: SimpleNamespace(db=db)})
    assert await went_out(db, crew) == 2
