"""`opsgraph up`: from an empty folder to a running platform."""

import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import processes
from runtime.paths import PROJECT
from runtime.processes import Mark, server_account
from runtime.running import Running, forget
from runtime.secrets import ensure_secrets
from runtime.servers.place import own_folder, servers_folder
from runtime.servers.postgres import LOGIN, Postgres, ServerError
from runtime.servers.valkey import Valkey
from runtime.settings import Settings
from runtime.supervisor import (
    Program,
    StopRequested,
    Supervisor,
    child_environment,
    only_one,
    run_once,
    stop_signals,
    wait_ready,
)

DEMO = "demo.json"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Options:
    port: int
    as_json: bool
    demo: bool


def say(text: str) -> None:
    print(f"opsgraph: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Tell what takes time, and how long it took."""
    started = time.monotonic()
    print(f"opsgraph: {text} … ", end="", file=sys.stderr, flush=True)
    try:
        yield
    except BaseException:
        print("stopped", file=sys.stderr, flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


def run(settings: Settings, options: Options) -> None:
    """Run the platform until a stop signal. Raises ServerError with a sentence when it cannot start."""
    try:
        data_dir = own_folder(settings.data_dir)
    except OSError as error:
        raise ServerError(f"The data folder {settings.data_dir} cannot be made: {error.strerror}.") from error
    if not os.access(data_dir, os.W_OK):
        raise ServerError(f"The data folder {data_dir} is not writable for this user; give another with --data.")
    with stop_signals(), only_one(data_dir), _listen(options.port) as bound:
        _Up(settings.model_copy(update={"data_dir": data_dir}), options, bound).run()


@contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    """Bind first: a taken port is known at once, and requests wait while the API is started again."""
    from runtime.serving import listen

    try:
        bound = listen(HOST, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ServerError(
            f"Port {port} on {HOST} cannot be used ({reason}); choose another with --port, or --port 0 for any."
        ) from error
    with bound:
        yield bound


class _Up:
    """One run: the parts, their addresses and what is printed about them."""

    def __init__(self, settings: Settings, options: Options, bound: socket.socket) -> None:
        self.settings = settings
        self.options = options
        self.bound = bound
        self.data_dir = settings.data_dir
        self.logs = self.data_dir / "logs"
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.url = f"http://{HOST}:{bound.getsockname()[1]}"
        self.supervisor = Supervisor(say)
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            ensure_secrets(self.settings)
            self._start_servers()
            self._migrate()
            sign_ins = self._sign_ins()
            with step("starting the API and a worker"):
                self._start_programs()
                wait_ready(self.supervisor, self.bound)
            self._announce(sign_ins, time.monotonic() - started)
            self.supervisor.on_restart = self._after_restart
            self.supervisor.watch()
        except StopRequested:
            with step("stopping"):
                self.supervisor.stop()
        except ServerError as error:
            raise ServerError(self._with_log(str(error))) from error
        finally:
            self.supervisor.stop()
            forget(self.data_dir)

    def _start_servers(self) -> None:
        for name in ("postgres.pid", "valkey.pid", "api.pid", "worker.pid"):
            mark = Mark.load(self.data_dir / name)
            if mark is not None and mark.alive():
                say(f"ending what an earlier run left behind ({name.removesuffix('.pid')})")
        for name in ("api", "worker"):
            processes.end_leftover(self.data_dir / f"{name}.pid")
        if not self.settings.database_url:
            account = server_account(self.data_dir / "servers" / "postgres")
            folder = servers_folder(self.data_dir, account)
            self.postgres = Postgres(folder, account)
            with step("starting PostgreSQL" if self.postgres.data.exists() else "creating and starting PostgreSQL"):
                self.supervisor.start("PostgreSQL", self.postgres)
        if not self.settings.redis_url:
            account = server_account(self.data_dir / "servers" / "valkey")
            self.valkey = Valkey(servers_folder(self.data_dir, account), account)
            with step("starting Valkey"):
                self.supervisor.start("Valkey", self.valkey)
        self._record()

    def _migrate(self) -> None:
        """Migrate, unless our own server says that there is nothing to do (which saves two seconds)."""
        if self.postgres is not None:
            with suppress(ServerError):
                if self.postgres.psql("SELECT version_num FROM alembic_version", LOGIN).strip() == newest_revision():
                    return
        with step("migrating the database"):
            run_once(["migrate"], self._environment(), self.logs / "migrate.log")

    def _record(self) -> None:
        values = self._addresses()
        Running(Mark.of(os.getpid()), self.url, values["DATABASE_URL"], values["REDIS_URL"]).save(self.data_dir)

    def _addresses(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url if self.postgres else self.settings.database_url,
            "REDIS_URL": self.valkey.url if self.valkey else self.settings.redis_url,
        }

    def _environment(self) -> dict[str, str]:
        public = self.settings.public_url if "public_url" in self.settings.model_fields_set else self.url
        return child_environment(DATA_DIR=str(self.data_dir), PUBLIC_URL=public, **self._addresses())

    def _start_programs(self) -> None:
        serve = ["serve", "--fd", str(self.bound.fileno())]
        api = Program(serve, self._environment, self.logs / "api.log", self.data_dir / "api.pid")
        api.pass_fds = (self.bound.fileno(),)
        worker = Program(["worker"], self._environment, self.logs / "worker.log", self.data_dir / "worker.pid")
        self.supervisor.start("The API", api)
        self.supervisor.start("The worker", worker)

    def _after_restart(self, name: str) -> None:
        """A server that had to take another port: everybody is told."""
        running = Running.load(self.data_dir)
        addresses = self._addresses()
        if running is None or (running.database_url, running.redis_url) != tuple(addresses.values()):
            say(f"{name} has a new address; starting the API and the worker again")
            self._record()
            self.supervisor.restart_programs()

    def _sign_ins(self) -> list[dict[str, Any]]:
        """The demo's people: made on the first run, remembered for the next ones."""
        path = self.data_dir / DEMO
        if path.exists():
            remembered: list[dict[str, Any]] = json.loads(path.read_text())
            return remembered
        if not self.options.demo or self.settings.environment == "production":
            return []
        with step("loading the demo organizations"):
            out = run_once(["demo", "--json"], self._environment(), self.logs / "demo.log")
        found: list[dict[str, Any]] = json.loads(out)
        processes.replace_text(path, json.dumps(found))
        return found

    def _announce(self, sign_ins: list[dict[str, Any]], seconds: float) -> None:
        ws = f"ws{self.url.removeprefix('http')}/graphql"
        if self.options.as_json:
            line = {"url": self.url, "graphql": f"{self.url}/graphql", "ws": ws, "demo": sign_ins}
            print(json.dumps(line), flush=True)
            return
        print(f"\nOpsgraph is ready after {seconds:.1f} s.\n")
        print(f"  GraphQL      {self.url}/graphql")
        print(f"  WebSocket    {ws}")
        if self.settings.live_page:
            print(f"  Live         {self.url}/live")
        print(f"  Schema       {self.url}/schema.graphql")
        print(f"  Logs         {self.logs}")
        if not self.settings.smtp_url:
            print(f"  Mail         lands as files in {self.data_dir / 'mail'}")
        if sign_ins:
            print("\nDemo sign-ins (organization, e-mail, password, roles):\n")
            print(table([[s["organization"], s["email"], s["password"], ", ".join(s["roles"])] for s in sign_ins]))
        print("\nPress Ctrl-C to stop.", flush=True)

    def _with_log(self, text: str) -> str:
        for start, log in (("The API", "api.log"), ("The worker", "worker.log")):
            if text.startswith(start):
                path: Path = self.logs / log
                return f"{text}, see {path}:\n{processes.tail(path)}"
        return text


def newest_revision() -> str | None:
    """The last migration's revision, read from the files, because importing Alembic takes longer."""
    found: set[str] = set()
    followed: set[str] = set()
    for path in (PROJECT / "db" / "migrations" / "versions").glob("*.py"):
        text = path.read_text()
        found.update(re.findall(r'^revision(?:: str)? = "(.+)"', text, re.MULTILINE))
        followed.update(re.findall(r'^down_revision(?:: .+)? = "(.+)"', text, re.MULTILINE))
    heads = found - followed
    return heads.pop() if len(heads) == 1 else None


def table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
