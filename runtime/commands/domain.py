"""user, audit, import: commands that call the domain."""

import sys
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
    """Check the hash chain of the event log, and name the first event that was changed, deleted or slipped in."""
    from domain.events.audit import verify as check

    report = run(check(load(data), organization, progress=lambda done: tell(f"{done} events checked")))
    for chain in report.chains:
        found = (
            f"BROKEN at {chain.broken.seq}: {chain.broken.message}" if chain.broken else f"intact, hash {chain.hash}"
        )
        print(f"{chain.slug or chain.org_id}: {chain.events} events, {found}")
    if not report.intact:
        raise CommandError("The event log was tampered with.")


@imports.callback()
def _imports() -> None:
    """Import data from files."""
