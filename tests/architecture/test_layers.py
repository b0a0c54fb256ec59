"""The house keeps its shape: imports point downwards, files and functions stay small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from runtime.paths import PROJECT

PACKAGES = ("runtime", "db", "domain", "graph", "workers", "bench", "tours")
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def modules() -> Iterator[Path]:
    for package in (*PACKAGES, "tests"):
        yield from sorted((PROJECT / package).rglob("*.py"))


def test_layers_and_rooms() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_files_and_functions_stay_small() -> None:
    large = []
    for path in modules():
        text, name = path.read_text(), path.relative_to(PROJECT)
        if len(text.splitlines()) > MOST_LINES:
            large.append(f"{name}: make a folder of the same name of it")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    large.append(f"{name}:{node.lineno}: {node.name} has {length} lines")
    assert large == []


def test_every_package_has_an_init() -> None:
    """mypy and import-linter do not look into folders without one."""
    folders = {path.parent for package in PACKAGES for path in (PROJECT / package).rglob("*.py")}
    bare = [str(folder) for folder in folders if not (folder / "__init__.py").exists()]
    assert [folder for folder in bare if not folder.endswith(("migrations", "versions"))] == []
