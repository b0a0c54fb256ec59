"""The platform under a supervisor as `opsgraph up` has it, and what kills its parts one after the other."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any

import orjson

from bench.faulting.load import Order, encode
from bench.kit.asking import SetUpError
from bench.kit.platform import DATABASE, Place
from bench.kit.programs import environment, piped
from runtime.serving import listen
from runtime.supervisor import Part, Program, Supervisor, wait_ready

PARTS = ("Valkey", "the worker", "the API", "PostgreSQL")
PROVES_RECOVERY = 5  # so many mutations are acknowledged after a kill before the next one
ON_ITS_WAY = 0.1  # seconds in which still arrives what was said before the kill
STALLED_SECONDS = 120.0
LAST_KILL = 0.95  # of the mutations: what comes back last is also worked with


@dataclass
class Kill:
    """One kill: when what was killed ran again, and when writers and followers had got something new since."""

    part: str
    acknowledged: int
    at: float = field(default_factory=perf_counter)
    before: dict[str, Any] | None = None
    running: float | None = None
    written: float | None = None
    followed: float | None = None

    def see(self, told: dict[str, Any], mutations: int, runs: bool) -> None:
        if self.running is None and runs:
            self.running = perf_counter() - self.at
        seconds, all_written = told["at"] - self.at, told["acknowledged"] == mutations
        if self.running is None or seconds < ON_ITS_WAY:
            return
        before = self.before = self.before or told
        if self.written is None and (all_written or told["acknowledged"] >= before["acknowledged"] + PROVES_RECOVERY):
            self.written = seconds
        if self.followed is None and (all_written or told["received"] > before["received"]):
            self.followed = seconds

    @property
    def over(self) -> bool:
        return self.written is not None and self.followed is not None

    def told(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "acknowledged": self.acknowledged,
            "running_after": self.running,
            "written_after": self.written,
            "followed_after": self.followed,
        }


@dataclass
class Mortal:
    """A platform whose parts are started again whenever they end."""

    place: Place
    bound: socket.socket
    supervisor: Supervisor
    parts: dict[str, Part]

    @property
    def port(self) -> int:
        return int(self.bound.getsockname()[1])

    def kill(self, name: str) -> None:
        process = self.parts[name].process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def mortal(place: Place, secret: str) -> Iterator[Mortal]:
    """Servers, API and worker. Requests wait in the API's listening socket while it is started again."""
    # Throw-away servers acknowledge commits early; here an acknowledged commit must outlive a kill.
    place.servers.postgres.psql(f"ALTER DATABASE {DATABASE} SET synchronous_commit = on")
    supervisor = Supervisor(lambda text: None)
    with listen("127.0.0.1", 0) as bound:
        address = {"url": place.servers.valkey.url}

        def env() -> dict[str, str]:
            return environment(**place.environment(bound.getsockname()[1], SECRET_KEY=secret, COST_IN_ANSWERS="true"))

        def restarted(name: str) -> None:
            """Valkey takes another port when its own was taken meanwhile."""
            if address["url"] != place.servers.valkey.url:
                address["url"] = place.servers.valkey.url
                supervisor.restart_programs()

        api = Program(["serve", "--fd", str(bound.fileno())], env, place.folder / "api.log", place.folder / "api.pid")
        api.pass_fds = (bound.fileno(),)
        worker = Program(["worker"], env, place.folder / "worker.log", place.folder / "worker.pid")
        servers = place.servers
        parts: tuple[Part, ...] = (servers.valkey, worker, api, servers.postgres)
        supervisor.on_restart = restarted
        try:
            supervisor.adopt("PostgreSQL", servers.postgres)
            supervisor.adopt("Valkey", servers.valkey)
            supervisor.start("the API", api)
            supervisor.start("the worker", worker)
            wait_ready(supervisor, bound)
            yield Mortal(place, bound, supervisor, dict(zip(PARTS, parts, strict=True)))
        finally:
            for program in (api, worker):
                program.stop()


class Load:
    """The load's process, seen from here: what it told, whole lines at a time, without waiting."""

    def __init__(self, process: "subprocess.Popen[bytes]", order: Order) -> None:
        assert process.stdin
        assert process.stdout
        self._process = process
        self._in, self._out = process.stdin, process.stdout
        self._rest = b""
        self.send(encode(order))

    def send(self, line: bytes) -> None:
        self._in.write(line)
        self._in.flush()

    def told(self, seconds: float) -> list[dict[str, Any]]:
        """What it said within `seconds`. Raises SetUpError when it has ended."""
        if not select.select([self._out], [], [], seconds)[0]:
            return []
        read = os.read(self._out.fileno(), 2**20)
        if not read:
            raise SetUpError("The load has ended; what it said stands above.")
        *lines, self._rest = (self._rest + read).split(b"\n")
        return [orjson.loads(line) for line in lines]


@contextmanager
def load(order: Order) -> Iterator[Load]:
    with piped("bench.faulting.load") as process:
        yield Load(process, order)


@dataclass
class Killer:
    """Lets the load run and kills each part in turn, `rounds` times, spread over the mutations."""

    platform: Mortal
    mutations: int
    rounds: int
    tell: Callable[[str], None]
    kills: list[Kill] = field(default_factory=list)
    _last: dict[str, Any] = field(default_factory=dict)
    _progress: tuple[int, int] = (0, 0)
    _moved: float = field(default_factory=monotonic)

    def run(self, load: Load) -> dict[str, Any]:
        """Until everything was written and everything killed; what the load said then."""
        written: dict[str, Any] | None = None
        while written is None or not self._done():
            for told in self._listen(load):
                written = told if "written" in told else written
                self._act(told)
            if self._stalled():
                raise SetUpError(f"Nothing goes on for {STALLED_SECONDS:.0f} s; the load last said: {self._last}")
        return written

    def finish(self, load: Load, heads: dict[str, int]) -> dict[str, Any]:
        """What the load says when every follower has come to the heads, or when none goes on."""
        load.send(orjson.dumps(heads) + b"\n")
        while "events" not in self._last and not self._stalled():
            for _ in self._listen(load):
                pass
        return self._last

    def _listen(self, load: Load) -> Iterator[dict[str, Any]]:
        self.platform.supervisor.mend()
        for told in load.told(0.05):
            progress = (told["acknowledged"], told["received"])
            if progress != self._progress:
                self._progress, self._moved = progress, monotonic()
            self._last = told
            yield told

    def _stalled(self) -> bool:
        return monotonic() > self._moved + STALLED_SECONDS

    def _done(self) -> bool:
        return len(self.kills) == self.rounds * len(PARTS) and (not self.kills or self.kills[-1].running is not None)

    def _act(self, told: dict[str, Any]) -> None:
        """Judge the last kill by what the load told, and do the next one when its time has come."""
        if self.kills and not self.kills[-1].over:
            last = self.kills[-1]
            last.see(told, self.mutations, self.platform.parts[last.part].running())
            if not last.over:
                return
            self.tell(
                f"{len(self.kills)}. {last.part} killed at {last.acknowledged:,} mutations: runs after "
                f"{last.running:.2f} s, writers after {last.written:.2f} s, followers after {last.followed:.2f} s."
            )
        count = len(self.kills)
        total = self.rounds * len(PARTS)
        if count < total and told["acknowledged"] >= self.mutations * LAST_KILL * (count + 0.5) / total:
            name = PARTS[count % len(PARTS)]
            self.platform.kill(name)
            self.kills.append(Kill(name, told["acknowledged"]))
