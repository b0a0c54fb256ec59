"""migrate and demo."""

import json
from typing import Annotated

import typer

from runtime.commands.common import Data, load, readable_errors, run, tell


def migrate(
    data: Data = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL of all migrations; change nothing.")] = False,
) -> None:
    """Bring the database's schema up to date. Safe to repeat, and to run twice at once."""
    from runtime import logging

    if sql:
        from db import migrate as migrations

        print("\n".join(migrations.sql().values()))
        return
    settings = load(data)
    logging.configure(settings.log_level)
    from db.migrate import head, upgrade

    with readable_errors():
        upgrade(settings)
    tell(f"The schema is at revision {head()}.")


def demo(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the sign-ins as JSON.")] = False,
) -> None:
    """Load the demo organizations and print how to sign in to them. Loading them again changes nothing."""
    from domain.demo import load as load_demo
    from runtime.up import table

    settings = load(data)
    sign_ins = [dict(each) for each in run(load_demo(settings))]
    if as_json:
        print(json.dumps(sign_ins, default=str))
        return
    print(table([[s["organization"], s["email"], s["password"], ", ".join(s["roles"])] for s in sign_ins]))
