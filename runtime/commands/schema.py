"""schema: print or check schema.graphql."""

import difflib
from typing import Annotated

import typer

from runtime.commands.common import CommandError
from runtime.paths import PROJECT

FILE = PROJECT / "schema.graphql"


def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Compare with schema.graphql; exit 1 and show the difference if any.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write schema.graphql.")] = False,
) -> None:
    """Print the GraphQL schema (SDL) that the API serves."""
    from graph.schema import build_schema

    sdl = build_schema().sdl
    if write:
        FILE.write_text(sdl)
    elif not check:
        print(sdl, end="")
    else:
        committed = FILE.read_text() if FILE.exists() else ""
        difference = difflib.unified_diff(
            committed.splitlines(), sdl.splitlines(), "schema.graphql", "the code", lineterm=""
        )
        lines = list(difference)
        if lines:
            print("\n".join(lines))
            raise CommandError("schema.graphql is stale; `./opsgraph schema --write` brings it up to date.")
