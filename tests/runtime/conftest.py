"""Folders that an unprivileged server may enter (pytest's own tmp_path is 0700)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.servers.throwaway import scratch_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    path = scratch_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)
