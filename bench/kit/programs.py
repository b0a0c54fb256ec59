"""Processes of a benchmark: started on loopback, waited for, stopped at the end whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.kit.load import Generator
from runtime import processes
from runtime.paths import PROJECT

START_SECONDS = 60.0
STOP: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 5.0),)
# What a person has set for their own platform must not reach the servers that are measured.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


class ProgramError(Exception):
    """A server did not start; the text holds the end of its log."""


@dataclass(frozen=True)
class Program:
    """A running server."""

    name: str
    port: int
    pid: int


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return kept | {"PYTHONPATH": str(PROJECT)} | more


@contextmanager
def program(
    name: str, command: list[str], port: int, log: Path, *, path: str = "/", cwd: Path = PROJECT, **env: str
) -> Iterator[Program]:
    """Run `command` until the end of the block; it is ready once it answers `path` with anything but a 5xx."""
    process = processes.start(command, log=log, cwd=cwd, env=environment(**env))
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ProgramError(f"{name} did not start, see {log}:\n{processes.tail(log, 30)}")
            time.sleep(0.05)
        yield Program(name, port, process.pid)
    finally:
        processes.stop(process, *STOP)


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def piped(module: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A module of ours in a process of its own, which takes orders on standard input and answers on its output."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        env=environment(),
        start_new_session=True,
        preexec_fn=processes.tied_to_us(signal.SIGKILL),  # noqa: PLW1509 - started before we have threads
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        processes.stop(process, *STOP)


@contextmanager
def generator() -> Iterator[Generator]:
    """The load generator, in its own process."""
    with piped("bench.kit.load") as process:
        yield Generator(process)
