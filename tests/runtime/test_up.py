"""`opsgraph up`: one line of JSON, nothing left behind, and everything it survives."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from runtime.paths import PROJECT
from runtime.processes import Mark
from runtime.settings import Settings
from tests.runtime.waiting import until

PARTS = ("servers/postgres", "servers/valkey", "api", "worker")


def environment_of(data: Path) -> dict[str, str]:
    """No settings but the data folder: those of the tests name servers."""
    bare = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return bare | {"PYTHONPATH": str(PROJECT), "DATA_DIR": str(data)}


class Up:
    """A running `opsgraph up` on `data`."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.environment = environment_of(data)
        self.process = subprocess.Popen(
            [*self.command("up"), "--port", "0", "--json", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.said = json.loads(line)

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "runtime.cli", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.said['url']}/ready", timeout=5, verify=False).status_code == 200
        except httpx.HTTPError:
            return False

    def mark(self, part: str) -> Mark | None:
        return Mark.load(self.data / f"{part}.pid")

    def another(self, part: str, than: Mark) -> bool:
        """Whether the part runs as another process than before."""
        return self.mark(part) not in (than, None)

    def marks(self) -> list[Mark]:
        found = [self.mark(part) for part in PARTS]
        assert all(mark is not None and mark.alive() for mark in found)
        return [mark for mark in found if mark is not None]

    def stop(self, number: int = signal.SIGTERM) -> tuple[float, str, str]:
        """Seconds it took, and what more it wrote to standard output and error."""
        started = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return time.monotonic() - started, out, err


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from runtime.servers.throwaway import scratch_folder

    folder = scratch_folder()
    yield folder / "data"
    subprocess.run(["rm", "-rf", folder], check=True)


@contextmanager
def running(data: Path) -> Iterator[Up]:
    up = Up(data)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def leaves_nothing(up: Up, number: int) -> str:
    """Stops it, and looks for what is left; what it wrote to standard error."""
    marks = up.marks()
    seconds, out, err = up.stop(number)
    assert seconds < 5
    assert up.process.returncode == 0
    assert out == ""
    assert "Traceback" not in err
    assert not any(mark.alive() for mark in marks)
    return err


def says_where_it_is(up: Up) -> None:
    assert set(up.said) == {"url", "graphql", "ws", "demo"}
    assert up.said["graphql"] == f"{up.said['url']}/graphql"
    assert up.said["ws"].startswith("ws://")
    assert up.said["demo"]
    assert all(set(each) >= {"organization", "email", "password", "roles"} for each in up.said["demo"])
    assert up.ready()


def is_found_by_other_commands(up: Up) -> None:
    second = up.run("up", "--port", "0")
    assert second.returncode == 1
    assert "already runs on" in second.stderr
    assert up.run("migrate").returncode == 0
    toured = up.run("tour", "maintenance")
    assert toured.returncode == 0, toured.stdout + toured.stderr
    assert "judged VALID" in toured.stdout


def heals(up: Up, *parts: str) -> None:
    """The parts are killed at the same moment."""
    before = {part: up.mark(part) for part in parts}
    for mark in before.values():
        assert mark is not None
        os.kill(mark.pid, signal.SIGKILL)
    for part, mark in before.items():
        assert mark is not None
        until(partial(up.another, part, mark), what=f"the restart of {part}")
    until(up.ready, what=f"readiness after {parts} were killed")


def test_it_heals_whatever_is_killed_outlives_kill_9_of_itself_and_leaves_nothing(data: Path) -> None:
    with running(data) as first:
        says_where_it_is(first)
        is_found_by_other_commands(first)
        heals(first, "servers/postgres")
        heals(first, "servers/valkey", "worker")
        heals(first, "api")
        demo, marks = first.said["demo"], first.marks()
        first.process.kill()
        _, said = first.process.communicate()
    assert all(f"{name} runs again" in said for name in ("PostgreSQL", "Valkey", "The API", "The worker"))
    with running(data) as again:
        assert again.said["demo"] == demo
        assert again.ready()
        until(lambda: not any(mark.alive() for mark in marks), what="the end of the earlier processes")
        assert again.run("audit", "verify").returncode == 0
        leaves_nothing(again, signal.SIGINT)
        assert "There is no server" in again.run("migrate").stderr


def test_stopped_while_it_starts_it_leaves_nothing(data: Path) -> None:
    process = subprocess.Popen(
        Up.command("up", "--port", "0", "--no-demo"),
        env=environment_of(data),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = data / "servers/postgres.pid"
    try:
        until(pid.exists, what="the start of PostgreSQL")
        mark = Mark.load(pid)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, ""), err
    assert "Traceback" not in err
    assert mark is not None
    assert not mark.alive()


def test_a_taken_port_is_a_sentence(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            Up.command("up", "--port", port),
            env=environment_of(data),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
