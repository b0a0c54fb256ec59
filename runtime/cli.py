"""The command line. Commands live in runtime/commands; they import late, so that `--help` answers at once."""

import sys

import typer

from runtime import garbage
from runtime.commands import checking, database, domain, operations, programs, reminders, schema, settings, tours
from runtime.commands.common import CommandError

app = typer.Typer(
    name="opsgraph",
    help="One multi-tenant operations platform behind one GraphQL API. Start with: ./opsgraph up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ANY = {"allow_extra_args": True, "ignore_unknown_options": True}
RUN, DATA, BUILD = "Run the platform", "Work on its data", "Develop"

app.command(rich_help_panel=RUN)(programs.up)
app.command(rich_help_panel=RUN)(programs.serve)
app.command(rich_help_panel=RUN)(programs.worker)
app.command(rich_help_panel=RUN)(settings.settings)
app.add_typer(tours.tour, name="tour", rich_help_panel=RUN)
app.command(rich_help_panel=DATA)(database.migrate)
app.command(rich_help_panel=DATA)(database.demo)
app.add_typer(domain.user, name="user", rich_help_panel=DATA)
app.add_typer(domain.audit, name="audit", rich_help_panel=DATA)
app.add_typer(operations.operations, name="operations", rich_help_panel=DATA)
app.add_typer(domain.imports, name="import", rich_help_panel=DATA)
app.add_typer(reminders.reminders, name="reminders", rich_help_panel=DATA)
app.command(rich_help_panel=BUILD)(schema.schema)
app.command(rich_help_panel=BUILD)(checking.check)
app.command(rich_help_panel=BUILD, context_settings=ANY)(checking.test)
app.command(rich_help_panel=BUILD, context_settings=ANY)(checking.bench)


def main() -> None:
    """Exit codes: 0 done, 1 refused or failed (one sentence), 2 wrong usage or settings."""
    garbage.start()
    from pydantic import ValidationError

    from runtime.servers.postgres import ServerError

    try:
        app(prog_name="opsgraph")
    except CommandError as error:
        print(f"opsgraph: {error}", file=sys.stderr)
        sys.exit(error.code)
    except ServerError as error:
        print(f"opsgraph: {error}", file=sys.stderr)
        sys.exit(1)
    except ValidationError as error:
        if error.title != "Settings":
            raise
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper() or "The settings"
            print(f"opsgraph: {name}: {problem['msg']} (got {problem['input']!r}).", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
