"""Servers for a test run or a benchmark: fast, on a folder that goes away with them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from runtime.processes import Mark, server_account
from runtime.servers.place import servers_folder
from runtime.servers.postgres import LOGIN, Postgres
from runtime.servers.valkey import Valkey

ROOMY = 4 * 1024**3
PREFIX, OWNER = "opsgraph-", "owner.mark"


@dataclass(frozen=True)
class Throwaway:
    """A running PostgreSQL and Valkey. The login of `postgres.url` is no superuser; `admin_url` is one."""

    folder: Path
    postgres: Postgres
    valkey: Valkey

    def database(self, name: str, template: str = "template1") -> str:
        """Make (anew) a database like `template`, to which nobody is connected, and return its URL."""
        drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);'
        # Copying files takes half the time of writing them to the log first, which is the default.
        copy = f'CREATE DATABASE "{name}" OWNER {LOGIN} TEMPLATE "{template}" STRATEGY FILE_COPY;'
        self.postgres.psql(f"{drop}\n{copy}")
        return with_database(self.postgres.url, name)


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def scratch_folder() -> Path:
    """A new temporary folder that a server's user can enter; in memory where there is plenty, because creating
    and deleting a cluster's thousand files is most of a short run on a busy disk."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own in it
    parent = None
    if "TMPDIR" not in os.environ and memory.is_dir() and os.access(memory, os.W_OK):
        found = os.statvfs(memory)
        if found.f_bavail * found.f_frsize >= ROOMY and not found.f_flag & getattr(os, "ST_NOEXEC", 0):
            parent = memory
    _prune(parent or Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    folder.chmod(0o711)
    Mark.of(os.getpid()).save(folder / OWNER)
    return folder


def _prune(parent: Path) -> None:
    """Delete what runs that were killed could not delete themselves."""
    for path in parent.glob(f"{PREFIX}*/{OWNER}"):
        mark = Mark.load(path)
        if mark is not None and not mark.alive() and os.access(path.parent, os.W_OK):
            shutil.rmtree(path.parent, ignore_errors=True)


@contextmanager
def throwaway() -> Iterator[Throwaway]:
    """Both servers, stopped and deleted at the end. To be entered in the main thread (see processes.tied_to_us)."""
    folder = scratch_folder()
    account = server_account()
    servers = servers_folder(folder, account)
    postgres, valkey = Postgres(servers, account, throwaway=True), Valkey(servers, account, throwaway=True)
    try:
        postgres.start()
        valkey.start()
        yield Throwaway(folder, postgres, valkey)
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(servers, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
