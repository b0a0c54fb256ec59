"""Servers that the benchmarks of a run share, each on a database of its own."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from bench.kit import platform
from db.migrate import upgrade
from runtime.servers.throwaway import Throwaway, throwaway, with_database
from runtime.settings import Settings

MIGRATED = "migrated"


@pytest.fixture(scope="session")
def bench_servers() -> Iterator[Throwaway]:
    with throwaway() as running:
        running.database(MIGRATED)
        upgrade(Settings(_env_file=None, database_url=with_database(running.postgres.url, MIGRATED)))
        yield running


@pytest.fixture
def shared(bench_servers: Throwaway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench starts and migrates servers of its own, which takes longer than a small run of it; `bench faults`, which
    kills them, still does so in the tests."""

    @contextmanager
    def servers() -> Iterator[Throwaway]:
        bench_servers.database(platform.DATABASE, MIGRATED)
        with redis.Redis.from_url(bench_servers.valkey.url) as client:
            client.flushall()
        yield dataclasses.replace(bench_servers, folder=tmp_path)

    monkeypatch.setattr(platform, "throwaway", servers)
    monkeypatch.setattr(platform, "upgrade", lambda settings: None)
