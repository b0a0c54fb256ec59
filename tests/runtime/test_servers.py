"""The embedded servers: who they run as, whom they let in, and what they survive."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
import redis

from runtime.paths import PROJECT
from runtime.processes import Account, Mark, server_account
from runtime.servers import place
from runtime.servers.postgres import Postgres, ServerError
from runtime.servers.throwaway import Throwaway, scratch_folder, throwaway
from runtime.servers.valkey import Valkey
from tests.runtime.waiting import until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def kill(server: Postgres | Valkey) -> None:
    assert server.process is not None
    server.process.kill()
    server.process.wait()


async def test_the_login_is_bound_by_row_level_security(servers: Throwaway) -> None:
    connection = await asyncpg.connect(servers.postgres.url)
    try:
        login = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert await connection.fetchval(login) is False
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()"
        assert await connection.fetchval(locale) == "bC.UTF-8"
    finally:
        await connection.close()


async def test_postgres_wants_the_password(servers: Throwaway) -> None:
    url = f"postgresql://postgres:wrong@127.0.0.1:{servers.postgres.port}/postgres"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


def test_valkey_wants_the_password(servers: Throwaway) -> None:
    with redis.Redis(port=servers.valkey.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


@as_root
def test_root_steps_down(servers: Throwaway) -> None:
    for server in (servers.postgres, servers.valkey):
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0


# Everything is imported first: the interpreter itself may lie where the other user cannot go.
NORMAL_USER = """
import os, sys
import asyncio, asyncpg, redis, encodings.idna, runtime.servers.throwaway as t
async def ask(url):
    connection = await asyncpg.connect(url)
    print(await connection.fetchval("select 6 * 7"), os.geteuid())
    await connection.close()
asyncio.run(asyncio.sleep(0))
uid = int(sys.argv[1])
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
with t.throwaway() as servers:
    asyncio.run(ask(servers.postgres.url))
    assert servers.valkey.process.poll() is None
"""


@as_root
def test_they_run_as_a_normal_user() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", NORMAL_USER, "65534"],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "HOME": "/nonexistent"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["42", "65534"], done.stderr


def test_data_survives_kill_9_of_the_servers(folder: Path) -> None:
    account = server_account()
    postgres, valkey = Postgres(folder, account), Valkey(folder, account)
    try:
        postgres.start()
        valkey.start()
        ports = postgres.port, valkey.port
        postgres.psql("CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(valkey.url) as client:
            client.set("kept", "42")
            client.execute_command("WAITAOF", 1, 0, 5000)
        kill(postgres)
        kill(valkey)
        assert not postgres.running()
        assert not valkey.running()
        postgres.start()
        valkey.start()
        assert (postgres.port, valkey.port) == ports
        assert postgres.psql("SELECT answer FROM kept").strip() == "42"
        with redis.Redis.from_url(valkey.url) as client:
            assert client.get("kept") == b"42"
    finally:
        postgres.stop()
        valkey.stop()
    assert list(folder.glob("*.pid")) == []


OWNER = """
import sys, time
from pathlib import Path
from runtime.processes import server_account
from runtime.servers.postgres import Postgres
from runtime.servers.valkey import Valkey
folder, account = Path(sys.argv[1]), server_account()
postgres, valkey = Postgres(folder, account), Valkey(folder, account)
postgres.start()
valkey.start()
print(postgres.process.pid, valkey.process.pid, flush=True)
time.sleep(600)
"""


def test_servers_end_with_a_killed_owner_and_start_again(folder: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-P", "-c", OWNER, str(folder)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    with owner.stdout:
        marks = [Mark.of(int(pid)) for pid in owner.stdout.readline().split()]
    assert len(marks) == 2
    owner.kill()
    owner.wait()
    postgres = Postgres(folder, server_account())
    try:
        postgres.start()  # at once: the old server may still be shutting down
        assert postgres.psql("SELECT 1").strip() == "1"
    finally:
        postgres.stop()
    until(lambda: not any(mark.alive() for mark in marks), what="the end of the servers")


def test_a_taken_port_is_not_mistaken_for_ours(servers: Throwaway, folder: Path) -> None:
    """Another server answers on the port; ours must take another one instead of adopting it."""
    postgres, valkey = Postgres(folder, server_account()), Valkey(folder, server_account())
    postgres.port, valkey.port = servers.postgres.port, servers.valkey.port
    try:
        postgres.start()
        valkey.start()
        assert postgres.port != servers.postgres.port
        assert valkey.port != servers.valkey.port
        assert postgres.psql("SHOW data_directory").strip() == str(folder / "postgres")
    finally:
        postgres.stop()
        valkey.stop()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    postgres = Postgres(folder, server_account())
    postgres.start()
    postgres.stop()
    (postgres.data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(ServerError, match=r"not compatible|initialized by PostgreSQL"):
        postgres.start()
    assert not postgres.running()


@as_root
def test_data_of_a_private_folder_goes_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "ELSEWHERE", folder / "var")
    nobody = Account(65534, 65534)
    data = folder / "home" / ".opsgraph"
    data.mkdir(parents=True)
    (folder / "home").chmod(0o700)
    servers = place.servers_folder(data, nobody)
    assert servers.parent == folder / "var"
    (servers / "kept").touch()
    assert place.servers_folder(data, nobody) == servers
    assert (servers / "kept").exists()
    (data / "servers.elsewhere").unlink()  # as `rm -r .opsgraph` does
    assert not (place.servers_folder(data, nobody) / "kept").exists()
    other = folder / "home" / "other"
    other.mkdir()
    shutil.rmtree(data)
    place.servers_folder(other, nobody)
    assert not servers.exists()  # the next one cleans up


def test_throwaway_leaves_nothing() -> None:
    with throwaway() as running:
        assert running.postgres.psql("SHOW fsync").strip() == "off"
        processes = [running.postgres.process, running.valkey.process]
        folder = running.folder
    assert all(process is not None and process.poll() is not None for process in processes)
    assert not folder.exists()


def test_what_a_killed_run_left_is_deleted_by_the_next(folder: Path) -> None:
    abandoned = scratch_folder()
    Mark(os.getpid(), "another start").save(abandoned / "owner.mark")
    shutil.rmtree(scratch_folder())
    assert not abandoned.exists()
    assert folder.exists()  # its owner lives


def test_an_account_is_ourselves_unless_root(folder: Path) -> None:
    account = server_account(folder)
    assert account.uid != 0
    assert account.is_ours == (os.geteuid() != 0)
