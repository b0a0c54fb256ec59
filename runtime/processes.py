"""Child processes that cannot outlive us, and what is left of children when we were killed."""

import ctypes
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The user that a server runs as. PostgreSQL refuses root, so root steps down to `nobody`."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def popen_options(self) -> dict[str, Any]:
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(data: Path | None = None) -> Account:
    """Ourselves; for root the owner of existing data, or else `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if data is not None and data.exists():
        found = data.stat()
        if found.st_uid != 0:
            return Account(found.st_uid, found.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)


def may_enter(folder: Path, account: Account) -> bool:
    """Whether the account can walk down to `folder` (all of it, from the root)."""
    if account.is_ours:
        return True
    for part in (folder, *folder.parents):
        try:
            found = part.stat()
        except FileNotFoundError:
            continue
        bit = 0o100 if found.st_uid == account.uid else 0o010 if found.st_gid == account.gid else 0o001
        if not found.st_mode & bit:
            return False
    return True


def tied_to_us(death_signal: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the child gets `death_signal` when the thread that started it ends (Linux only).

    It runs after the change of user, which would clear the setting; and a parent that died before the setting
    was made is noticed by its changed id.
    """
    parent = os.getpid()

    def tie() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:
                os._exit(1)

    return tie


def start(
    command: list[str],
    *,
    log: Path,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, so that Ctrl-C reaches us alone, with its output appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=tied_to_us(death_signal),  # noqa: PLW1509 - started before we have threads
            **(account.popen_options if account else {}),
            **options,
        )


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, for the sentence about why a server did not start."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def trim(log: Path, limit: int = 5_000_000) -> None:
    """Keep one older copy of a log that has grown."""
    if log.exists() and log.stat().st_size > limit:
        log.replace(log.with_suffix(log.suffix + ".1"))


def end(pid: int, steps: tuple[tuple[signal.Signals, float], ...], gone: Callable[[], bool]) -> bool:
    """Send each signal in turn and give it its seconds; True once the process is gone."""
    for number, seconds in steps:
        if gone():
            return True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if gone():
                return True
            time.sleep(0.01)
    return gone()


def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """End a child of ours with each signal in turn, and SIGKILL at last."""
    if not end(process.pid, steps, lambda: process.poll() is not None):
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Mark:
    """A process that can be recognised later: its id and when it started (ids are used again)."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Mark":
        return cls(pid, _start_time(pid))

    def alive(self) -> bool:
        return self.started != "" and _start_time(self.pid) == self.started

    def save(self, path: Path) -> None:
        replace_text(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "Mark | None":
        try:
            found = json.loads(path.read_text())
            return cls(int(found["pid"]), str(found["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _start_time(pid: int) -> str:
    """When a process started, as text to compare; '' when there is none (or only its zombie)."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a number is all we add
    return found.stdout.strip()


def end_leftover(mark_file: Path, *steps: tuple[signal.Signals, float]) -> None:
    """End what a killed supervisor left behind, if it still runs, and forget it."""
    mark = Mark.load(mark_file)
    if mark is not None:
        deadline = time.monotonic() + 1.0  # its parent's death may be ending it already
        while mark.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        end(mark.pid, (*steps, (signal.SIGKILL, 2.0)), lambda: not mark.alive())
    mark_file.unlink(missing_ok=True)


def replace_text(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file whole: readers see the old or the new text."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    beside.replace(path)


def free_port() -> int:
    """A free TCP port on loopback, below the range from which outgoing connections take theirs, so that a server
    that restarts finds its port free."""
    import random

    for _ in range(200):
        port = random.randint(15_000, 30_000)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("No free TCP port between 15000 and 30000 on 127.0.0.1.")
