"""Where servers keep their files, and binaries that their user can run."""

import hashlib
import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from runtime.processes import Account, may_enter, replace_text

ELSEWHERE = Path("/var/lib/opsgraph")


def own_folder(path: Path) -> Path:
    """Make a data folder of ours: others may walk through it (servers run as another user), not list it."""
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o711)
    return path.resolve()


def servers_folder(data_dir: Path, account: Account) -> Path:
    """The folder that holds PostgreSQL's and Valkey's files for `data_dir`.

    It lies inside, unless the servers' user cannot walk there (a checkout under root's 0700 home). Then it is a
    folder under /var/lib/opsgraph named after `data_dir`; a mark in `data_dir` binds the two, so that data whose
    folder was deleted is not found again.
    """
    if may_enter(data_dir, account):
        return _made(data_dir / "servers")
    folder = ELSEWHERE / hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    mark, counterpart = data_dir / "servers.elsewhere", folder / "mark"
    if folder.exists() and (not mark.exists() or _text(counterpart) != mark.read_text()):
        shutil.rmtree(folder)
    if not folder.exists():
        _prune()
        folder.mkdir(parents=True)
        text = f"{data_dir}\n{os.urandom(8).hex()}\n"
        replace_text(counterpart, text)
        replace_text(mark, text)
    return _made(folder)


def _prune() -> None:
    """Delete what is left of data folders that are gone."""
    for mark in ELSEWHERE.glob("*/mark"):
        owner = Path(mark.read_text().partition("\n")[0])
        if owner.is_absolute() and not owner.exists():
            shutil.rmtree(mark.parent, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    return folder


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"The package {package} is not installed; run ./opsgraph, which installs it.")
    return Path(spec.origin).parent


def runnable(distribution: str, package: str, folder: Path, account: Account) -> Path:
    """The package's folder with its binaries, where the account can run them.

    A virtual environment may lie where another user cannot go, so for another user the package and the
    libraries beside it (`<package>.libs`, found by relative path) are copied, once per version.
    """
    source = package_folder(package)
    if account.is_ours:
        return source
    target = folder / "programs" / f"{distribution}-{version(distribution)}"
    if not target.exists():
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.rmtree(beside, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__", "include", "*.py", "*.a", "pkgconfig")
        for part in (source, source.with_name(f"{package}.libs")):
            if part.exists():
                shutil.copytree(part, beside / part.name, ignore=ignored, symlinks=True)
        (folder / "programs").chmod(0o755)
        beside.rename(target)
    return target / package
