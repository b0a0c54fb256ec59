"""reminders: what is due, and who hears of it."""

import json
from typing import Annotated

import typer

from runtime.commands.common import Data, load, run, tell

reminders = typer.Typer(help="Remind people of what is due.", no_args_is_help=True)


@reminders.callback()
def _reminders() -> None:
    """Remind people of what is due."""


@reminders.command("run")
def send(
    organization: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Only this organization; all of them without it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go out, and send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    data: Data = None,
) -> None:
    """Send the reminders and escalations that are to go out by now, each at most once; the worker does so every hour.

    Printed is what went out: the organization, what it is about, and who hears of it, in the app and by mail as they
    wish. Running it again sends nothing twice.
    """
    from db.session import Database
    from domain.reminders import running

    settings = load(data)

    async def work() -> list[running.Outgoing]:
        db = Database(settings, pooled=False)
        try:
            return await running.run(db, slug=organization, dry_run=dry_run)
        finally:
            await db.close()

    found = run(work())
    if as_json:
        print(json.dumps([each.as_json() for each in found], ensure_ascii=False))
    else:
        for each in found:
            print(f"{each.organization}: {each.text} -> {', '.join(each.names)}")
    tell(f"{len(found)} {'would go out' if dry_run else 'went out'}.")
