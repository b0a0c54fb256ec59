"""Sending the mails about notifications, each once at most."""

import asyncio
from datetime import UTC
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

from db.collaboration.notifications import MailState
from domain.collaboration import notification_mails as mails
from domain.collaboration.rules.notifications import excerpt
from domain.collaboration.telling import MAIL_JOB
from runtime.logging import get_logger
from workers.identity.letters import fill
from workers.identity.mail import RefusedError, compose, connected, hand_over, to_file
from workers.jobs import JobContext, PermanentError, job

log = get_logger(__name__)

TEMPLATE = Path(__file__).parent / "templates" / "notification.txt"


@job(MAIL_JOB, timeout=60)
async def send(ctx: JobContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Send the mail about one notification, unless that was done or begun before."""
    id = UUID(arguments["id"])
    async with ctx.transaction() as session:
        letter = await mails.compose(session, _org(ctx), id)
    if letter is None:
        return {"sent": False}
    message = _message(ctx, letter)
    if ctx.settings.smtp_url:
        # Whoever cannot connect has not begun, so the mail stays queued.
        async with connected(ctx.settings.smtp_url) as server:
            if not await _claim(ctx, id):
                return {"sent": False}
            try:
                await hand_over(server, message)
            except RefusedError:
                await _settle(ctx, id, MailState.QUEUED)
                raise
            except PermanentError:
                await _settle(ctx, id, MailState.REFUSED)
                raise
    elif await _claim(ctx, id):
        await to_file(ctx, message)
    await _settle(ctx, id, MailState.SENT)
    return {"sent": True, "message_id": message["Message-ID"]}


def _message(ctx: JobContext, letter: mails.Letter) -> EmailMessage:
    subject, text = fill(
        TEMPLATE,
        {
            "name": letter.name,
            "organization": letter.organization,
            "text": letter.text,
            "time": letter.occurred_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "kind": letter.kind,
            "url": ctx.settings.public_url.rstrip("/"),
        },
    )
    return compose(ctx, {"to": letter.email, "subject": excerpt(subject), "text": text})


async def _claim(ctx: JobContext, id: UUID) -> bool:
    async with ctx.transaction() as session:
        return await mails.claim(session, _org(ctx), id)


async def _settle(ctx: JobContext, id: UUID, state: MailState) -> None:
    """Also when the worker is told to stop just now: what happened must be known."""

    async def settle() -> None:
        async with ctx.transaction() as session:
            await mails.settle(session, _org(ctx), id, state)

    await asyncio.shield(settle())


def _org(ctx: JobContext) -> UUID:
    if ctx.org_id is None:
        raise PermanentError("A mail about a notification belongs to an organization.")
    return ctx.org_id
