"""Mail: over a real SMTP server, and as files without one."""

import asyncio
import os
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from uuid_utils.compat import uuid7

import workers.identity.mail  # noqa: F401 - registers mail.send
from db.session import Database
from domain.events import heartbeats
from domain.events.heartbeats import WorkerIdentity
from runtime.processes import free_port
from runtime.settings import Settings
from tests.conftest import Mailbox
from tests.factories.jobs import ask, job_row
from workers.jobs import Runner

TEXT = "Grüße aus Zürich\nhttps://example.com/verify?token=" + "x" * 120 + "\n.\nlast line\n"


async def run_mail(own: Database, settings: Settings, **arguments: Any) -> Any:
    identity = WorkerIdentity()
    await heartbeats.beat(own, None, identity)
    job_id = await ask(own, "mail.send", arguments)
    await Runner(own, None, settings, identity).run(job_id, 1)
    return await job_row(own, job_id)


async def test_mail_goes_out_by_smtp(own: Database, worker_settings: Settings, smtp: Mailbox) -> None:
    to = f"j{uuid7().hex[-12:]}@example.com"
    row = await run_mail(own, worker_settings, to=to, subject="Verify ✓", text=TEXT)
    assert (row.state, row.error, row.arguments) == ("DONE", None, {})
    message = await asyncio.to_thread(smtp.to, to)
    assert (message["Subject"], message["From"]) == ("Verify ✓", worker_settings.mail_from)
    assert message.get_content().replace("\r\n", "\n") == TEXT
    assert message["Message-ID"] == row.result["message_id"] == f"<{row.id}@localhost>"


async def test_without_a_server_mail_becomes_a_file(own: Database, worker_settings: Settings) -> None:
    settings = worker_settings.model_copy(update={"smtp_url": ""})
    row = await run_mail(own, settings, to="jo@example.com", subject="Hello", text=TEXT)
    path = Path(row.result["path"])
    assert path == (settings.data_dir / "mail" / f"{row.id}.eml").resolve()
    message = message_from_bytes(await asyncio.to_thread(path.read_bytes), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("jo@example.com", "Hello")
    assert message.get_content() == TEXT
    assert await asyncio.to_thread(os.listdir, path.parent) == [path.name]


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "a@example.com\r\nBcc: b@example.com", "subject": "x", "text": "x"},
        {"to": "a@example.com", "subject": "x\nBcc: b@example.com", "text": "x"},
        {"to": "", "subject": "x", "text": "x"},
        {"to": "a@example.com", "subject": "x"},
        {"to": "a@example.com", "subject": "x", "text": 5},
    ],
)
async def test_what_is_no_mail_fails_at_once(own: Database, worker_settings: Settings, arguments: Any) -> None:
    row = await run_mail(own, worker_settings, **arguments)
    assert row.state == "FAILED"
    assert row.error.startswith("PermanentError: The mail")


class Refusing:
    """An SMTP server that answers RCPT with `code`."""

    def __init__(self, code: int) -> None:
        self.code = code

    async def handle_RCPT(self, *_: Any) -> str:
        return f"{self.code} no"


@pytest.mark.parametrize(("code", "state"), [(550, "FAILED"), (451, "QUEUED")])
async def test_refusals_for_good_are_not_tried_again(
    own: Database, worker_settings: Settings, code: int, state: str
) -> None:
    controller = Controller(Refusing(code), hostname="127.0.0.1", port=free_port(), ready_timeout=10)
    controller.start()
    try:
        settings = worker_settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{controller.port}"})
        row = await run_mail(own, settings, to="a@example.com", subject="x", text="x")
        assert (row.state, row.failures) == (state, 1)
    finally:
        controller.stop()


async def test_an_unreachable_server_is_tried_again(own: Database, worker_settings: Settings) -> None:
    settings = worker_settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    row = await run_mail(own, settings, to="a@example.com", subject="x", text="x")
    assert (row.state, row.failures) == ("QUEUED", 1)
