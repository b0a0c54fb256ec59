"""check, test, bench: the commands for whoever works on Opsgraph."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from runtime.commands.common import CommandError
from runtime.paths import PROJECT

TOOLS = Path(sys.executable).parent
CLI = [sys.executable, "-P", "-m", "runtime.cli"]


def check() -> None:
    """Check the code: formatting, lint, types, layers and sizes, schema.graphql and the migrations' SQL."""
    checks: dict[str, Callable[[], tuple[int, str]]] = {
        "format": lambda: _run(str(TOOLS / "ruff"), "format", "--check", "."),
        "lint": lambda: _run(str(TOOLS / "ruff"), "check", "."),
        "types": lambda: _run(str(TOOLS / "mypy")),
        "layers": lambda: _run(
            sys.executable, "-m", "pytest", "-q", "--noconftest", "tests/architecture/test_layers.py"
        ),
        "schema": lambda: _run(*CLI, "schema", "--check"),
        "migrations": _lint_migrations,
    }
    failed = []
    with ThreadPoolExecutor(2) as pool:
        results = {name: pool.submit(_timed, work) for name, work in checks.items()}
        for name, future in results.items():
            code, text, seconds = future.result()
            print(f"{'ok    ' if code == 0 else 'FAILED'}  {name:<11} {seconds:5.1f} s", flush=True)
            if code != 0:
                failed.append(name)
                print(text.rstrip(), flush=True)
    if failed:
        raise CommandError(f"Not in order: {', '.join(failed)}.")


def _timed(work: Callable[[], tuple[int, str]]) -> tuple[int, str, float]:
    started = time.monotonic()
    code, text = work()
    return code, text, time.monotonic() - started


def _run(*command: str, stdin: str | None = None) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - our own tools
        command, cwd=PROJECT, input=stdin, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _lint_migrations() -> tuple[int, str]:
    """squawk over each migration's SQL, as Alembic would run it."""
    from db.migrate import sql

    with tempfile.TemporaryDirectory() as folder:
        for revision, text in sql().items():
            (Path(folder) / f"{revision}.sql").write_text(text)
        files = sorted(str(path) for path in Path(folder).iterdir())
        return _run(str(TOOLS / "squawk"), "--config", str(PROJECT / ".squawk.toml"), *files)


def test(
    context: typer.Context,
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough",
            help="Compare 5,000 generated operations with the reference executor instead of 240, under every "
            "built-in role, and other ones at each run; and kill the servers under load, at full size.",
        ),
    ] = False,  # noqa: PT028 - a command, not a test
) -> None:
    """Run the tests (pytest) on throw-away servers of their own; arguments go to pytest.

    Without a path or -n, the whole suite runs in three processes: on two cores, one of them always waits for a server.
    """
    caller = Path.cwd()
    arguments = [_from_project(argument, caller) for argument in context.args]
    chosen = any(not argument.startswith("-") or argument.startswith("-n") for argument in arguments)
    parallel = [] if chosen else ["-n", "3", "--dist", "loadfile"]
    os.chdir(PROJECT)
    chosen_operations = ["--thorough"] if thorough else []
    command = [sys.executable, "-P", "-m", "pytest", *parallel, *chosen_operations, *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - our own Python


def _from_project(argument: str, caller: Path) -> str:
    """A path (with or without `::test`) said relative to where the caller stands, as an absolute one."""
    path, separator, rest = argument.partition("::")
    if argument.startswith("-") or not (caller / path).exists():
        return argument
    return f"{(caller / path).resolve()}{separator}{rest}"


def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which benchmark; without it they are listed.")] = None,
) -> None:
    """Run a benchmark; it starts and stops its own servers. Arguments go to it (--json: one JSON object)."""
    files = [path for path in (PROJECT / "bench").glob("*.py") if "def main(" in path.read_text()]
    known = {path.stem.rstrip("_"): path.stem for path in sorted(files)}  # no module is called `import`
    if name is None:
        print("\n".join(known))
        return
    if name not in known:
        raise CommandError(f"There is no benchmark {name!r}; there are: {', '.join(known) or 'none'}.", 2)
    code = import_module(f"bench.{known[name]}").main(context.args)
    if code:
        raise typer.Exit(code)
