"""Writing the mails about accounts from the texts beside this file."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from string import Template as Text
from typing import Any

from db.events.jobs import Job
from domain.identity import mails
from workers.jobs import JobContext, job

FOLDER = Path(__file__).parent / "templates"


@job(mails.KIND)
async def write(ctx: JobContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make the token and the mail that holds it in one transaction; sending it is a job of its own.

    A rerun makes another token, and the newest mail is the one that works.
    """
    now = datetime.now(UTC)
    async with ctx.db.platform() as session:
        letter = await mails.compose(
            session,
            ctx.settings.public_url,
            now,
            template=arguments["template"],
            email=arguments["email"],
            org_id=ctx.org_id,
        )
        if letter is None:
            return {"sent": False}
        subject, text = render(letter.template, letter.values)
        mail = {"to": letter.email, "subject": subject, "text": text}
        session.add(Job(org_id=None, kind="mail.send", arguments=mail, run_after=now))
    return {"sent": True, "template": letter.template}


def render(template: mails.Template, values: dict[str, str]) -> tuple[str, str]:
    """Subject and text of a mail about an account."""
    return fill(FOLDER / f"{template}.txt", values)


def fill(path: Path, values: dict[str, str]) -> tuple[str, str]:
    """Subject (the first line) and text of a mail from its template. KeyError when a value is missing."""
    # A line break in a name must not begin another header or paragraph.
    filled = _text(path).substitute({key: " ".join(value.split()) for key, value in values.items()})
    subject, _, text = filled.partition("\n")
    return subject.strip(), text.strip() + "\n"


@lru_cache
def _text(path: Path) -> Text:
    return Text(path.read_text(encoding="utf-8"))
