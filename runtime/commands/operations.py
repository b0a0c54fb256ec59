"""operations: the documents that a server in trusted mode runs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from runtime.commands.common import CommandError, Data, load, run, tell

operations = typer.Typer(help="Manage registered operations.", no_args_is_help=True)


@operations.callback()
def _operations() -> None:
    """Manage registered operations."""


@operations.command("push")
def push(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Files of operations and fragments (.graphql), or manifests (.json)."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print {hash: name} as JSON.")] = False,
    data: Data = None,
) -> None:
    """Register operations, so that clients may send their hash, and with OPERATIONS=trusted nothing else.

    Every operation is checked against the schema; all are registered or none. Pushing again changes nothing. An
    operation of a .graphql file is registered as graphql-js prints it, followed by the fragments it uses; one of a
    manifest (Apollo's or Relay's, with SHA-256 hashes) to the letter.
    """
    from domain.operations import register
    from graph.pushing import collect
    from graph.schema import build_schema

    settings = load(data)
    found = collect(build_schema().core, files)
    if found.problems:
        raise CommandError("\n".join([*found.problems, "Nothing was registered."]))
    if not found.documents:
        raise CommandError("The files hold no operations.")
    new = run(register(settings, found.documents))
    if as_json:
        print(json.dumps({item.sha256: item.name for item in found.documents}))
    else:
        for item in found.documents:
            print(f"{item.sha256} {item.name}")
    tell(f"{len(new)} of {len(found.documents)} operations are new.")
