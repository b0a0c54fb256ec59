"""user, audit, import: commands that call the domain."""

import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from runtime.commands.common import CommandError, Data, load, run, tell

user = typer.Typer(help="Manage people.", no_args_is_help=True)
audit = typer.Typer(help="Inspect the event log.", no_args_is_help=True)
imports = typer.Typer(help="Import data from files.", no_args_is_help=True)


@user.callback()
def _user() -> None:
    """Manage people."""


@user.command("create-superuser")
def create_superuser(
    email: Annotated[str, typer.Option(prompt="E-mail", help="The address to sign in with.")],
    name: Annotated[str, typer.Option(prompt="Name", help="The person's name.")],
    password: Annotated[
        str | None,
        typer.Option(help="The password; without it you are asked, or it is read from standard input."),
    ] = None,
    data: Data = None,
) -> None:
    """Make a superuser, who can sign in to any organization; or make one of an existing user."""
    from domain.identity.users import create_superuser as create

    settings = load(data)
    if password is None:
        if sys.stdin.isatty():
            password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        else:
            password = sys.stdin.readline().rstrip("\n")
    run(create(settings, email, name, password))
    print(f"{email} is a superuser.")


@audit.callback()
def _audit() -> None:
    """Inspect the event log."""


@audit.command("verify")
def verify(
    organization: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Only this organization; all of them without it.")
    ] = None,
    data: Data = None,
) -> None:
    """Check the hash chain of the event log, and name the first event that was changed, deleted or slipped in.

    Where events were archived, the archives are checked, and that the log follows the last of them.
    """
    from domain.events.audit import verify as check

    report = run(check(load(data), organization, progress=lambda done: tell(f"{done} events checked")))
    for chain in report.chains:
        found = (
            f"BROKEN at {chain.broken.seq}: {chain.broken.message}" if chain.broken else f"intact, hash {chain.hash}"
        )
        archived = f" after {chain.archived} archived" if chain.archived else ""
        print(f"{chain.slug or chain.org_id}: {chain.events} events{archived}, {found}")
    if not report.intact:
        raise CommandError("The event log was tampered with.")


@imports.callback()
def _imports() -> None:
    """Import data from files."""


class Dates(StrEnum):
    """How 03/04/2024 is read."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


@imports.command("aircraft")
def aircraft(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or XLSX file with one aircraft a row.")],
    organization: Annotated[str, typer.Option(metavar="SLUG", help="The organization that gets the aircraft.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")] = False,
    dates: Annotated[
        Dates | None, typer.Option(help="How to read dates like 03/04/2024; needed only when the file leaves it open.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    data: Data = None,
) -> None:
    """Import a fleet from a file. All rows are imported or none; repeating an import changes nothing.

    Every row that cannot be imported is named with its column and what is wrong with it.
    """
    from domain.fleet import importing

    settings = load(data)
    order = importing.DateOrder[dates.name] if dates else None
    progress = Progress()
    try:
        report = run(importing.run(settings, file, organization, dry_run, progress, date_order=order))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}.", 2) from error
    finally:
        progress.end()
    print(json.dumps(report.as_json(), default=str) if as_json else report.text())
    if not report.ok:
        raise typer.Exit(1)


class Progress:
    """Tells how far a long step is: rewrites its line on a terminal, else a line each few seconds."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told = 0.0
        self._step = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step == self._step and done < total and now - self._told < (0.1 if self._terminal else 2.0):
            return
        if self._terminal and step != self._step:
            self.end()
        self._told, self._step = now, step
        text = f"{step}: {done} of {total}"
        print(
            f"\r\x1b[K{text}" if self._terminal else text,
            end="" if self._terminal else "\n",
            file=sys.stderr,
            flush=True,
        )

    def end(self) -> None:
        if self._terminal and self._step:
            print(file=sys.stderr)
