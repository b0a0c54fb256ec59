"""Sending mail: over SMTP, or without a server as a file that a developer can open."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from runtime.logging import get_logger
from runtime.settings import Settings
from workers.jobs import JobContext, PermanentError, job

log = get_logger(__name__)

SMTP_TIMEOUT = 30.0


class RefusedError(Exception):
    """The server did not take the mail, and may later."""


@job("mail.send", timeout=60, sensitive=True)
async def send(ctx: JobContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Send one plain text mail: `to`, `subject`, `text`. A rerun sends the same Message-ID again, or writes the
    same file."""
    message = compose(ctx, arguments)
    if ctx.settings.smtp_url:
        await deliver(message, ctx.settings.smtp_url)
        return {"message_id": message["Message-ID"]}
    return {"path": str(await to_file(ctx, message))}


def compose(ctx: JobContext, arguments: dict[str, Any]) -> EmailMessage:
    """The mail. Raises PermanentError when an address or header cannot be one (a line break, for example)."""
    message = EmailMessage()
    try:
        message["From"] = ctx.settings.mail_from
        message["To"] = arguments["to"]
        message["Subject"] = arguments["subject"]
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{ctx.job_id}@{_domain(ctx.settings)}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(arguments["text"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise PermanentError(f"The mail cannot be composed: {error!r}") from error
    if not parseaddr(arguments["to"])[1]:
        raise PermanentError("The mail has no address to go to.")
    return message


async def deliver(message: EmailMessage, smtp_url: str) -> None:
    """Hand `message` to the server of `smtp_url`: smtp:// upgrades to TLS when offered, smtps:// starts with it.

    Raises PermanentError when the server refuses the mail or its recipient for good.
    """
    async with connected(smtp_url) as server:
        await hand_over(server, message)


@cache
def authorities() -> ssl.SSLContext:
    """Whom TLS trusts. Loading the world's authorities takes longer than sending a mail does."""
    return ssl.create_default_context()


@asynccontextmanager
async def connected(smtp_url: str) -> AsyncIterator[aiosmtplib.SMTP]:
    """A connection to the server of `smtp_url`, signed in."""
    url = urlsplit(smtp_url)
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise PermanentError("SMTP_URL must look like smtp://user:password@host:port.")
    server = aiosmtplib.SMTP(
        hostname=url.hostname,
        port=url.port,
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        use_tls=url.scheme == "smtps",
        tls_context=authorities(),
        timeout=SMTP_TIMEOUT,
    )
    async with server:
        yield server


async def hand_over(server: aiosmtplib.SMTP, message: EmailMessage) -> None:
    """Give a mail to a connected server. Raises PermanentError when it refuses for good, RefusedError when it refuses
    for now; after any other error the mail may have gone out."""
    try:
        await server.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        if all(refusal.code >= 500 for refusal in error.recipients):
            raise PermanentError(f"The recipient was refused: {error}") from error
        raise RefusedError(f"The recipient was refused: {error}") from error
    except aiosmtplib.SMTPResponseException as error:
        if error.code >= 500:
            raise PermanentError(f"The mail was refused: {error}") from error
        raise RefusedError(f"The mail was refused: {error}") from error


def _domain(settings: Settings) -> str:
    return parseaddr(settings.mail_from)[1].rpartition("@")[2] or "localhost"


async def to_file(ctx: JobContext, message: EmailMessage) -> Path:
    """Where a developer finds a mail of this job without an SMTP server."""
    path = await asyncio.to_thread(_write, message, ctx.settings.data_dir / "mail" / f"{ctx.job_id}.eml")
    log.info("mail written to a file, because SMTP_URL is not set", to=message["To"], path=str(path))
    return path


def _write(message: EmailMessage, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(bytes(message))
    os.replace(partial, path)
    return path.resolve()
