"""The worker tells people: through outages, from event to mail."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy.exc import InterfaceError

from db.fleet.aircraft import AircraftStatus
from db.session import Database
from domain.collaboration import telling
from domain.events.relay import Relay
from domain.fleet import aircraft, utilisation
from runtime.settings import Settings
from tests.conftest import Mailbox
from tests.factories import fleet, identity
from tests.factories.events import running, until
from tests.factories.jobs import working
from tests.factories.notifications import mails, numbered, stored
from workers.collaboration.notifications import Notifier


async def test_from_a_command_to_a_mail(own: Database, worker_settings: Settings, smtp: Mailbox) -> None:
    owner = await identity.owner(own, worker_settings)
    planner = await identity.person(own, worker_settings, owner.org_id, "PLANNING_ENGINEER")
    boss, plans = await identity.actor(own, owner), await identity.actor(own, planner)
    async with working(worker_settings):
        flight = await fleet.flight(own, plans, await fleet.aircraft(own, boss))
        async with fleet.command(own, boss) as ctx:
            await utilisation.correct(ctx, flight, minutes=80, cycles=1)
        message = await asyncio.to_thread(smtp.to, planner.email)
        assert "corrected what you recorded" in message.get_content()

        async def done() -> bool:
            return set((await mails(own, owner.org_id)).values()) == {"SENT"}

        await until(done)


async def test_outages_skip_nothing(
    own: Database, worker_settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of before it ran, of while the database failed, and of after; hints lost altogether."""
    owner = await identity.owner(own, worker_settings)
    await identity.person(own, worker_settings, owner.org_id, "PLANNING_ENGINEER")
    boss = await identity.actor(own, owner)
    aircraft_id = await fleet.aircraft(own, boss)

    async def change(count: int) -> None:
        for _ in range(count):
            for status in (AircraftStatus.STORED, AircraftStatus.ACTIVE):
                async with fleet.command(own, boss) as ctx:
                    await aircraft.set_status(ctx, aircraft_id, status=status)

    real, failed = telling.tell, asyncio.Event()

    async def failing(*arguments: Any, **more: Any) -> telling.Progress:
        if not failed.is_set():
            failed.set()
            raise InterfaceError("SELECT", {}, Exception("away"))
        return await real(*arguments, **more)

    async with running(Relay(own, None).run()):
        await change(2)
        await until(lambda: numbered(own, owner.org_id))
        monkeypatch.setattr(telling, "tell", failing)
        async with running(Notifier(own, None, poll=0.05, rest=0.01).run()):
            await asyncio.wait_for(failed.wait(), 10)
            await change(2)
            await until(lambda: _told(own, owner.org_id, 8))
    async with running(Relay(own, redis).run()), running(Notifier(own, redis, poll=60, rest=0.01).run()):
        await change(1)
        await until(lambda: _told(own, owner.org_id, 10))


async def _told(db: Database, org_id: Any, count: int) -> bool:
    found = await stored(db, org_id)
    assert len({row.event_id for row in found}) == len(found)
    return len(found) == count
