"""What `opsgraph up` does: keep PostgreSQL, Valkey, the API and a worker running, and end them all together."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from runtime import processes
from runtime.paths import PROJECT
from runtime.processes import Mark
from runtime.servers.postgres import ServerError

CLI = [sys.executable, "-P", "-m", "runtime.cli"]
PROGRAM_SECONDS = 3.0  # the API and the worker get this long to end
SERVER_SECONDS = 1.2  # then PostgreSQL and Valkey get this long
FIRST_DELAY, LAST_DELAY, STEADY_SECONDS = 0.1, 10.0, 30.0


class StopRequested(BaseException):
    """SIGINT, SIGTERM or SIGHUP arrived; raised wherever the supervisor is."""


class Part(Protocol):
    """One of the things that are kept running."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def running(self) -> bool: ...


@dataclass
class Program:
    """The API or the worker: an opsgraph command in a process of its own."""

    arguments: list[str]
    environment: Callable[[], dict[str, str]]
    log: Path
    mark: Path
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        processes.end_leftover(self.mark)
        processes.trim(self.log)
        self.process = processes.start(
            [*CLI, *self.arguments],
            log=self.log,
            death_signal=signal.SIGKILL,  # without us it would wait for servers that are gone
            env=self.environment(),
            pass_fds=self.pass_fds,
        )
        Mark.of(self.process.pid).save(self.mark)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, (signal.SIGTERM, PROGRAM_SECONDS))
            self.process = None
            self.mark.unlink(missing_ok=True)


@dataclass
class _Care:
    """How often a part had to be started again lately."""

    part: Part
    delay: float = FIRST_DELAY
    due: float | None = None
    since: float = field(default_factory=time.monotonic)


class Supervisor:
    """Starts parts in order, restarts the dead, and stops all. `say` tells the person at the terminal."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._care: dict[str, _Care] = {}
        self.on_restart: Callable[[str], None] = lambda name: None

    def start(self, name: str, part: Part) -> None:
        self.adopt(name, part)
        part.start()

    def adopt(self, name: str, part: Part) -> None:
        """Care from now on for a part that runs already."""
        self._care[name] = _Care(part)

    def watch(self) -> None:
        """Run until a stop is requested."""
        while True:
            self.mend()
            time.sleep(0.1)

    def mend(self) -> None:
        """Start again what has ended, after a delay that doubles while it keeps ending."""
        for name, care in self._care.items():
            now = time.monotonic()
            if care.part.running():
                if care.due is None and now - care.since > STEADY_SECONDS:
                    care.delay = FIRST_DELAY
                continue
            if care.due is None:
                self._say(f"{name} ended ({_how(care.part.process)}); starting it again")
                care.due, care.delay = now + care.delay, min(care.delay * 2, LAST_DELAY)
            if now >= care.due:
                self._restart(name, care)

    def _restart(self, name: str, care: _Care) -> None:
        try:
            care.part.start()
        except ServerError as error:
            self._say(f"{name} did not start: {error}")
            care.due, care.delay = time.monotonic() + care.delay, min(care.delay * 2, LAST_DELAY)
            return
        care.due, care.since = None, time.monotonic()
        self._say(f"{name} runs again")
        self.on_restart(name)

    def restart_programs(self) -> None:
        """End the API and the worker, so that they come back with new addresses of their servers."""
        for care in self._care.values():
            if isinstance(care.part, Program):
                care.part.stop()

    def dead(self) -> str | None:
        return next((name for name, care in self._care.items() if not care.part.running()), None)

    def stop(self) -> None:
        """End everything: first those that use the servers, all at once, then the servers."""
        parts = [care.part for care in self._care.values()]
        programs = [part for part in parts if isinstance(part, Program)]
        servers = [part for part in parts if not isinstance(part, Program)]
        _end_together(programs, signal.SIGTERM, PROGRAM_SECONDS)
        _end_together(servers, signal.SIGINT, SERVER_SECONDS)
        for part in parts:
            part.stop()


def _end_together(parts: list[Part] | list[Program], number: signal.Signals, seconds: float) -> None:
    for part in parts:
        if part.process is not None and part.running():
            part.process.send_signal(number)
    deadline = time.monotonic() + seconds
    while any(part.running() for part in parts) and time.monotonic() < deadline:
        time.sleep(0.01)
    for part in parts:
        if isinstance(part, Program) and part.process is not None and part.running():
            part.process.kill()


def _how(process: subprocess.Popen[bytes] | None) -> str:
    code = process.returncode if process is not None else None
    if code is None:
        return "it was stopped"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@contextmanager
def stop_signals() -> Iterator[None]:
    """Inside, the first stop signal raises StopRequested wherever the main thread is; later ones are ignored, so
    that nothing interrupts the stopping."""

    def handle(number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)


def run_once(arguments: list[str], environment: dict[str, str], log: Path) -> bytes:
    """Run an opsgraph command to its end and return its standard output. Raises ServerError when it fails."""
    with log.open("ab") as errors:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [*CLI, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
            preexec_fn=processes.tied_to_us(signal.SIGKILL),  # noqa: PLW1509 - we have one thread
        )
        try:
            out, _ = child.communicate()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode != 0:
        raise ServerError(f"`opsgraph {' '.join(arguments)}` failed, see {log}:\n{processes.tail(log)}")
    return out


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data folder. Raises ServerError when another `up` holds it."""
    file: IO[str] = (data_dir / "up.lock").open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read().strip() or "unknown"
            raise ServerError(
                f"Another `opsgraph up` (process {who}) already runs on {data_dir}; "
                "stop it, or give this one another folder with --data."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def wait_ready(supervisor: Supervisor, bound: socket.socket, seconds: float = 60.0) -> None:
    """Wait until the API answers /ready with 200. Raises ServerError when a part dies or time runs out."""
    deadline = time.monotonic() + seconds
    last = "it does not answer"
    while time.monotonic() < deadline:
        name = supervisor.dead()
        if name is not None:
            raise ServerError(f"{name} ended while starting")
        status, last = _ask(bound.getsockname()[:2], last)
        if status == 200:
            return
        time.sleep(0.05)
    raise ServerError(f"The API was not ready after {seconds:.0f} s; it last said: {last}")


def _ask(address: tuple[str, int], last: str) -> tuple[int, str]:
    try:
        with socket.create_connection(address, timeout=2) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    except OSError:
        return 0, last
    status = answer.split(" ", 2)[1:2]
    return int(status[0]) if status and status[0].isdigit() else 0, answer.partition("\r\n\r\n")[2][:300] or last


def child_environment(**values: str) -> dict[str, str]:
    """Our environment, with the project importable and these settings."""
    path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | values
