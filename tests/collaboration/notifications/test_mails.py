"""Mails about notifications: over a real SMTP server, each once at most."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import text, update

import workers.collaboration.notification_mails  # noqa: F401 - registers its job
from db.collaboration.notifications import Notification
from db.session import Database
from domain.collaboration import notification_mails
from domain.context import Ctx
from domain.events import heartbeats
from domain.events.heartbeats import WorkerIdentity
from domain.fleet import utilisation
from domain.identity import memberships
from runtime.processes import free_port
from runtime.settings import Settings
from tests.collaboration.notifications.conftest import Crew
from tests.factories import fleet
from tests.factories.jobs import job_row
from tests.factories.notifications import mail_jobs, mails, told
from workers.jobs import Runner


@dataclass
class Post:
    """An SMTP server that answers the end of each mail with the next of `answers`, "" for a lost connection."""

    answers: list[str] = field(default_factory=list)
    taken: list[Any] = field(default_factory=list)

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if not answer or answer.startswith("250"):
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        if not answer:
            server.transport.abort()
        return answer or "250 OK"


@contextmanager
def serving(post: Post) -> Iterator[str]:
    controller = Controller(post, hostname="127.0.0.1", port=free_port(), ready_timeout=10)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


@dataclass
class Office:
    """Runs the jobs of one organization's mails."""

    db: Database
    settings: Settings
    crew: Crew
    runner: Runner

    async def mail(self) -> UUID:
        """The job of a mail that a correction gives rise to; the notification has the same id."""
        known = set(await mail_jobs(self.db, self.crew.org_id))
        flight = await fleet.flight(self.db, self.crew.plans, await fleet.aircraft(self.db, self.crew.boss))
        async with fleet.command(self.db, self.crew.boss) as ctx:
            await utilisation.correct(ctx, flight, minutes=80, cycles=1)
        await told(self.db, self.crew.org_id)
        [made] = set(await mail_jobs(self.db, self.crew.org_id)) - known
        return made

    async def run(self, job_id: UUID, smtp_url: str, attempt: int = 1) -> str:
        """One attempt; the mail's state afterwards."""
        settings = self.settings.model_copy(update={"smtp_url": smtp_url})
        await Runner(self.db, None, settings, self.runner._worker).run(job_id, attempt)
        return (await mails(self.db, self.crew.org_id))[job_id]


@pytest.fixture
async def office(db: Database, settings: Settings, crew: Crew) -> AsyncIterator[Office]:
    identity = WorkerIdentity()
    await heartbeats.beat(db, None, identity)
    yield Office(db, settings, crew, Runner(db, None, settings, identity))
    await heartbeats.leave(db, identity)


async def test_a_mail_says_what_happened_and_how_to_get_no_more(office: Office) -> None:
    post = Post()
    with serving(post) as url:
        job_id = await office.mail()
        assert await office.run(job_id, url) == "SENT"
    [message] = post.taken
    assert message["To"] == office.crew.planner.email
    assert message["Message-ID"] == f"<{job_id}@localhost>"
    assert message["Subject"].startswith("Test org-")
    body = message.get_content()
    assert "Pat Doe corrected what you recorded for D-A" in body
    assert "setNotificationPreference(kind: UTILISATION_CORRECTED, channel: MAIL, enabled: false)" in body
    assert office.settings.public_url in body


async def test_a_job_that_runs_again_sends_nothing_again(office: Office) -> None:
    """As when a worker dies between the server's answer and storing that the job is done."""
    post = Post()
    with serving(post) as url:
        job_id = await office.mail()
        for attempt in (1, 2):
            assert await office.run(job_id, url, attempt) == "SENT"
            async with office.db.platform() as session:
                again = text("UPDATE jobs SET state = 'QUEUED' WHERE id = :id")
                await session.execute(again, {"id": job_id})
    assert len(post.taken) == 1


async def test_a_mail_that_may_have_gone_out_is_not_sent_again(office: Office) -> None:
    post = Post(answers=[""])
    with serving(post) as url:
        job_id = await office.mail()
        assert await office.run(job_id, url) == "SENDING"
        assert (await job_row(office.db, job_id)).state == "QUEUED"
        assert await office.run(job_id, url, 2) == "SENDING"
    assert len(post.taken) == 1
    assert (await job_row(office.db, job_id)).state == "DONE"


async def test_a_mail_that_a_dead_worker_had_claimed_is_not_sent(office: Office) -> None:
    post = Post()
    with serving(post) as url:
        job_id = await office.mail()
        async with office.db.tenant(office.crew.org_id) as session:
            claims = [await notification_mails.claim(session, office.crew.org_id, job_id) for _ in range(2)]
        assert claims == [True, False]
        assert await office.run(job_id, url) == "SENDING"
    assert post.taken == []


async def test_what_the_server_refuses_for_now_is_sent_later(office: Office) -> None:
    post = Post(answers=["451 busy", "250 OK"])
    with serving(post) as url:
        job_id = await office.mail()
        assert await office.run(job_id, url) == "QUEUED"
        assert await office.run(job_id, url, 2) == "SENT"
    assert len(post.taken) == 1


async def test_what_the_server_refuses_for_good_is_given_up(office: Office) -> None:
    post = Post(answers=["554 no"])
    with serving(post) as url:
        job_id = await office.mail()
        assert await office.run(job_id, url) == "REFUSED"
    assert (await job_row(office.db, job_id)).state == "FAILED"


async def test_a_server_that_is_away_is_tried_again(office: Office) -> None:
    job_id = await office.mail()
    assert await office.run(job_id, f"smtp://127.0.0.1:{free_port()}") == "QUEUED"
    assert (await job_row(office.db, job_id)).state == "QUEUED"


async def test_a_mail_of_no_use_is_not_sent(office: Office) -> None:
    post, crew = Post(), office.crew
    with serving(post) as url:
        read, late, disabled = [await office.mail() for _ in range(3)]
        async with office.db.tenant(crew.org_id) as session:
            await session.execute(update(Notification).where(Notification.id == read).values(read_at=text("now()")))
        assert await office.run(read, url) == "SKIPPED"
        assert await office.run(late, url) == "SENT"
        async with office.db.platform() as session:
            await session.execute(
                text("UPDATE users SET state = 'DISABLED' WHERE id = :id"), {"id": crew.planner.user_id}
            )
        assert await office.run(disabled, url) == "SKIPPED"
    assert len(post.taken) == 1


async def test_who_has_left_hears_of_their_account_and_of_nothing_else(office: Office) -> None:
    post, crew = Post(), office.crew
    with serving(post) as url:
        about_work = await office.mail()
        async with fleet.command(office.db, crew.boss) as ctx:
            assert crew.planner.membership_id
            await memberships.remove(ctx, crew.planner.membership_id, expected_version=1)
        async with office.db.platform() as session:
            Ctx(crew.plans, session).record("user.password_reset", "usr", crew.planner.user_id)
        await told(office.db, crew.org_id)
        states = [await office.run(job_id, url) for job_id in await mail_jobs(office.db, crew.org_id)]
        assert sorted(states) == ["SENT", "SENT", "SKIPPED"]
        assert (await mails(office.db, crew.org_id))[about_work] == "SKIPPED"
    texts = sorted(message.get_content().splitlines()[2] for message in post.taken)
    assert texts[0].startswith("Pat Doe ended your membership")
    assert texts[1].startswith("Your password was set anew")


async def test_without_a_server_it_becomes_a_file(office: Office) -> None:
    job_id = await office.mail()
    assert await office.run(job_id, "") == "SENT"
    path = office.settings.data_dir / "mail" / f"{job_id}.eml"
    assert "Pat Doe corrected" in (await asyncio.to_thread(path.read_text)).replace("=\n", "")
