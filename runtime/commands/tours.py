"""tour: scripts that play people of the demo through GraphQL."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from runtime.commands.common import CommandError, Data, load, tell

tour = typer.Typer(help="Play people of the demo through GraphQL, and print what they ask.", no_args_is_help=True)

Url = Annotated[
    str | None,
    typer.Option(help="Address of a running platform with the demo; without it that of the running `up`, or a new one"),
]


@tour.callback()
def _tour() -> None:
    """Play people of the demo through GraphQL, and print what they ask."""


@tour.command("maintenance")
def maintenance(
    url: Url = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the steps, no requests and answers.")] = False,
    data: Data = None,
) -> None:
    """From what is due to a verified certificate: a planner, a technician, an inspector and a certifying engineer.

    Every request and answer is printed. It may be repeated on the same platform.
    """
    from tours.client import Stage, TourError
    from tours.maintenance import play

    with _platform(url, data) as address:
        try:
            play(Stage(address, quiet))
        except TourError as error:
            raise CommandError(str(error)) from error


@contextmanager
def _platform(url: str | None, data: Data) -> Iterator[str]:
    """The address to play at: given, of the running `up`, or of one that ends with the tour."""
    from runtime.running import Running

    running = Running.load(load(data, servers=False).data_dir)
    if url is not None:
        yield url.rstrip("/")
    elif running is not None and running.mark.alive():
        yield running.url
    else:
        with _own_platform() as own:
            yield own


@contextmanager
def _own_platform() -> Iterator[str]:
    import shutil

    from runtime.servers.throwaway import scratch_folder

    tell("No platform runs here; starting one for the tour.")
    folder = scratch_folder()
    command = [sys.executable, "-P", "-m", "runtime.cli", "up", "--port", "0", "--json", "--data", str(folder / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise CommandError("The platform did not start; what it said stands above.")
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
