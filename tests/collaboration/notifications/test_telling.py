"""From events to notifications: everybody who should know is told, once, whatever happens meanwhile."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text, update
from uuid_utils.compat import uuid7

from db.collaboration.notifications import NotificationChannel, NotificationKind, NotificationPosition
from db.fleet.aircraft import AircraftStatus
from db.identity.departments import DepartmentRole
from db.session import Database
from domain.collaboration import feed, notifications, telling
from domain.collaboration.rules.notifications import notice_id
from domain.context import Ctx
from domain.fleet import aircraft, utilisation
from domain.identity import departments, memberships, sessions
from domain.identity.gate import Client, Gate
from domain.identity.limits import Limiter
from runtime.settings import Settings
from tests.collaboration.notifications.conftest import Crew
from tests.factories import fleet, identity
from tests.factories.events import until, write
from tests.factories.identity import PASSWORD
from tests.factories.notifications import head, mail_jobs, mails, numbered, sent_events, stored, told


async def set_status(db: Database, crew: Crew, aircraft_id: UUID, status: AircraftStatus) -> None:
    async with fleet.command(db, crew.boss) as ctx:
        await aircraft.set_status(ctx, aircraft_id, status=status)


async def statuses(db: Database, crew: Crew, count: int) -> None:
    """So many events that the planner is told of."""
    aircraft_id = await fleet.aircraft(db, crew.boss)
    for number in range(count):
        await set_status(db, crew, aircraft_id, AircraftStatus.ACTIVE if number % 2 else AircraftStatus.STORED)


async def test_the_fleet_is_told_to_those_who_manage_it(db: Database, crew: Crew) -> None:
    aircraft_id = await fleet.aircraft(db, crew.boss, registration="D-ATELL")
    await set_status(db, crew, aircraft_id, AircraftStatus.STORED)
    flight = await fleet.flight(db, crew.plans, aircraft_id)
    async with fleet.command(db, crew.boss) as ctx:
        await utilisation.correct(ctx, flight, minutes=80, cycles=1)
    first, second = await told(db, crew.org_id)
    assert {first.user_id, second.user_id} == {crew.planner.user_id}
    assert first.text == "Pat Doe set D-ATELL from ACTIVE to STORED."
    assert second.text.startswith("Pat Doe corrected what you recorded for D-ATELL on 2024-05-06 by -10 minutes")
    assert (first.kind, first.target_type, first.target_id) == ("AIRCRAFT_STATUS", "ac", aircraft_id)
    assert (first.actor_id, first.in_app, first.read_at) == (crew.owner.user_id, True, None)
    assert first.id == notice_id(first.event_id, crew.planner.user_id)
    assert await mails(db, crew.org_id) == {second.id: "QUEUED"}
    assert await mail_jobs(db, crew.org_id) == [second.id]
    events = await sent_events(db, crew.org_id)
    person = str(crew.planner.user_id)
    assert [(event.target_type, event.target_id) for event in events] == [
        ("ev", first.event_id),
        ("ev", second.event_id),
    ]
    assert [event.after for event in events] == [
        {"kind": "AIRCRAFT_STATUS", "in_app": [person], "mail": []},
        {"kind": "UTILISATION_CORRECTED", "in_app": [person], "mail": [person]},
    ]
    after = json.dumps(events[0].after)
    assert telling.concerns(after, crew.planner.user_id)
    assert not telling.concerns(after, crew.reader.user_id)


async def test_people_are_told_of_their_membership(db: Database, crew: Crew) -> None:
    async with fleet.command(db, crew.boss) as ctx:
        assert crew.reader.membership_id
        department = await departments.create(ctx, name="Stores", description="")
        await departments.set_member(ctx, department, user_id=crew.reader.user_id, role=DepartmentRole.LEAD)
        await departments.remove_member(ctx, department, user_id=crew.reader.user_id)
        await memberships.change_roles(ctx, crew.reader.membership_id, roles=["VIEWER"], expected_version=1)
        await memberships.remove(ctx, crew.reader.membership_id, expected_version=2)
        await memberships.add(ctx, email="new@example.com", name="New", roles=["VIEWER"])
    found = await told(db, crew.org_id)
    # Who is no longer a member when the events are read hears of the end only, and by mail.
    *new, last = sorted(found, key=lambda row: row.user_id == crew.reader.user_id)
    assert last.text.startswith("Pat Doe ended your membership in Test org-")
    assert [row.text for row in new if "made you a member" in row.text and "Viewer" in row.text] != []
    assert len(new) == 1
    assert await mails(db, crew.org_id) == {last.id: "QUEUED"}


async def test_the_feed_is_told_to_those_who_read_it(db: Database, crew: Crew) -> None:
    async with fleet.command(db, crew.boss) as ctx:
        stores = await departments.create(ctx, name="Stores", description="")
        await departments.set_member(ctx, stores, user_id=crew.owner.user_id, role=DepartmentRole.LEAD)
        await departments.set_member(ctx, stores, user_id=crew.reader.user_id, role=DepartmentRole.MEMBER)
    async with fleet.command(db, crew.boss) as ctx:
        to_all = await feed.post(ctx, text="Hello")
        to_some = await feed.post(ctx, text="Only here", channel_id=stores)
    found = [row for row in await told(db, crew.org_id) if row.kind == "FEED_MESSAGE"]
    planner, reader = crew.planner.user_id, crew.reader.user_id
    assert {(row.target_id, row.user_id) for row in found} == {
        (to_all, planner),
        (to_all, reader),
        (to_some, reader),
    }
    assert {row.text for row in found if row.target_id == to_some} == {"Pat Doe wrote in the feed of Stores."}


async def test_people_are_told_of_a_new_device(db: Database, settings: Settings, crew: Crew) -> None:
    async def sign_in(device: str, agent: str = "") -> None:
        gate = Gate(db, settings, Limiter(), Client(device, agent, "127.0.0.1"))
        await sessions.sign_in(gate, email=crew.reader.email, password=PASSWORD)

    await sign_in("phone")  # the factory's session came before, on no device
    await sign_in("phone")
    await sign_in("laptop", "Firefox")
    await sign_in("", "curl")
    await sign_in("", "curl")
    found = await told(db, crew.org_id)
    assert [row.text.split(":")[1].split(",")[0].strip() for row in found] == ["an unknown device", "Firefox", "curl"]
    assert {(row.kind, row.user_id) for row in found} == {("SECURITY", crew.reader.user_id)}
    assert len(await mails(db, crew.org_id)) == 3


async def test_people_are_told_as_they_want(db: Database, crew: Crew) -> None:
    kind, mail, in_app = NotificationKind.AIRCRAFT_STATUS, NotificationChannel.MAIL, NotificationChannel.IN_APP

    async def want(channel: NotificationChannel, enabled: bool) -> None:
        async with fleet.command(db, crew.plans) as ctx:
            await notifications.set_preference(ctx, kind=kind, channel=channel, enabled=enabled)

    aircraft_id = await fleet.aircraft(db, crew.boss)
    made = []
    for channel, enabled in [(mail, True), (in_app, False), (mail, False), (in_app, True)]:
        await want(channel, enabled)
        await set_status(db, crew, aircraft_id, AircraftStatus.STORED)
        await set_status(db, crew, aircraft_id, AircraftStatus.ACTIVE)
        made.append([row.in_app for row in await told(db, crew.org_id)])
    both, by_mail, nothing, usual = made
    assert both == [True] * 2
    assert by_mail == nothing == [True, True, False, False]
    assert usual == [True, True, False, False, True, True]
    assert len(await mails(db, crew.org_id)) == 4
    events = await fleet.events_of(db, crew.planner.user_id)
    assert [event.after["enabled"] for event in events if event.type == "notification_preference.set"] == [
        True,
        False,
        False,
        True,
    ]


async def test_many_workers_tell_everything_once(db: Database, crew: Crew) -> None:
    await statuses(db, crew, 30)
    await until(lambda: numbered(db, crew.org_id))

    async def work() -> None:
        while await is_behind(db, crew.org_id):
            await telling.tell(db, crew.org_id, page=3)

    await asyncio.gather(*(work() for _ in range(6)))
    found = await stored(db, crew.org_id)
    assert len(found) == len({row.event_id for row in found}) == 30
    assert len(await sent_events(db, crew.org_id)) == 30


async def is_behind(db: Database, org_id: UUID) -> bool:
    return org_id in await telling.behind(db)


async def test_what_is_interrupted_is_done_again_and_not_twice(
    db: Database, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    await statuses(db, crew, 6)
    await until(lambda: numbered(db, crew.org_id))
    real: Callable[..., Any] = telling._tell_people
    calls = 0

    async def failing(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls in (4, 7):
            raise ConnectionResetError
        return int(await real(*arguments))

    monkeypatch.setattr(telling, "_tell_people", failing)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            await telling.tell(db, crew.org_id)
        assert await stored(db, crew.org_id) == []
    assert len(await told(db, crew.org_id)) == 6
    assert len(await sent_events(db, crew.org_id)) == 6


async def test_a_lost_position_tells_nothing_again(db: Database, crew: Crew) -> None:
    flight = await fleet.flight(db, crew.plans, await fleet.aircraft(db, crew.boss))
    async with fleet.command(db, crew.boss) as ctx:
        await utilisation.correct(ctx, flight, minutes=80, cycles=1)
    assert len(await told(db, crew.org_id)) == 1
    await sent_events(db, crew.org_id)
    async with db.tenant(crew.org_id) as session:
        await session.execute(update(NotificationPosition).values(seq=0))
    assert len(await told(db, crew.org_id)) == 1
    assert len(await mail_jobs(db, crew.org_id)) == len(await sent_events(db, crew.org_id)) == 1


async def test_a_rule_that_fails_keeps_nobody_from_the_rest(
    db: Database, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    aircraft_id = await fleet.aircraft(db, crew.boss)
    async with db.tenant(crew.org_id) as session:
        Ctx(crew.boss, session).record("aircraft.utilisation_corrected", "ac", aircraft_id, after={"minutes": "x"})
        Ctx(crew.boss, session).record("department.member_set", "dep", uuid7(), after={"user_id": [1]})
    await set_status(db, crew, aircraft_id, AircraftStatus.STORED)
    assert [row.kind for row in await told(db, crew.org_id)] == ["AIRCRAFT_STATUS"]
    assert await stored(db, crew.org_id) != []


async def test_events_without_rules_only_raise_the_position(db: Database, crew: Crew) -> None:
    await write(db, crew.org_id, 30)
    await until(lambda: numbered(db, crew.org_id))
    assert await is_behind(db, crew.org_id)
    assert await telling.tell(db, crew.org_id, page=20) == telling.Progress(more=True, told=0)
    assert await telling.tell(db, crew.org_id, page=20) == telling.Progress(more=False, told=0)
    assert not await is_behind(db, crew.org_id)
    async with db.tenant(crew.org_id) as session:
        position = await session.scalar(text("SELECT seq FROM notification_positions"))
    assert position == await head(db, crew.org_id)


async def test_many_people_are_told_at_once(
    db: Database, settings: Settings, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "NAMED_AT_ONCE", 3)
    for _ in range(6):
        await identity.person(db, settings, crew.org_id, "PLANNING_ENGINEER")
    await statuses(db, crew, 1)
    assert len(await told(db, crew.org_id)) == 7
    assert [len((event.after or {})["in_app"]) for event in await sent_events(db, crew.org_id)] == [3, 3, 1]


async def test_another_organization_is_told_nothing(
    db: Database, settings: Settings, crew: Crew, http: httpx.AsyncClient
) -> None:
    stranger = await identity.owner(db, settings)
    await statuses(db, crew, 1)
    assert len(await told(db, crew.org_id)) == 1
    assert await told(db, stranger.org_id) == []
