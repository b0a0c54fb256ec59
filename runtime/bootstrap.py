"""Makes .venv from requirements.lock; run by `./opsgraph` with any Python >= 3.11 and nothing but its library.

Every package is checked against the lock's hashes. uv is one of them and installs the others in a few seconds;
where it cannot (no wheel for the machine, an index only pip knows how to reach), pip does, in a minute or two.
"""

import ast
import ensurepip
import fcntl
import os
import re
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path

STAMP = "opsgraph-stamp"
# What pip calls a thing, and what uv calls it.
INDEX_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "no-index": "UV_NO_INDEX",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}


class BootstrapError(Exception):
    """One sentence for the person at the terminal."""


def main(root: Path, checksum: str) -> None:
    folder = root / ".venv"
    try:
        lock = (root / ".venv.lock").open("w")
    except OSError as error:
        raise BootstrapError(f"{root} cannot be written to ({error.strerror}), so .venv cannot be made.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another opsgraph is preparing .venv; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(folder, checksum, root):
            prepare(folder, root)
            (folder / STAMP).write_text(stamp(folder, checksum, root))


def stamp(folder: Path, checksum: str, root: Path) -> str:
    """The same text that the launcher compares with."""
    return f"{checksum} {output(folder / 'bin' / 'python', '-V').strip()} {root}\n"


def is_current(folder: Path, checksum: str, root: Path) -> bool:
    try:
        return (folder / STAMP).read_text() == stamp(folder, checksum, root)
    except (OSError, BootstrapError):
        return False


def prepare(folder: Path, root: Path) -> None:
    started = time.monotonic()
    lock = root / "requirements.lock"
    python = folder / "bin" / "python"
    if not can_be_kept(folder, root):
        say("creating .venv (once; under a minute)")
        create(folder)
    else:
        (folder / STAMP).unlink(missing_ok=True)
        say("updating .venv")
    if not with_uv(python, lock, folder):
        say("installing with pip instead; this takes a minute or two")
        run(python, "-m", "pip", *PIP_INSTALL, "--progress-bar=off", "-r", str(lock))
    say(f"ready to run after {time.monotonic() - started:.0f} s")


def create(folder: Path) -> None:
    """An environment with Python's own copy of pip. The copy is a wheel of plain files: unpacking it takes half a
    second, and what ensurepip does (pip from the zip installs pip and compiles it) about six."""
    if folder.is_symlink():
        raise BootstrapError(
            f"{folder} is a link to {folder.resolve()}, which is not what requirements.lock asks for. "
            "It is left as it is: remove the link, and an environment is made here."
        )
    wheels = [
        wheel
        for place in (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
        for wheel in sorted(place.glob("pip-*-none-any.whl"))
    ]
    if not wheels:
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(folder)
        return
    venv.EnvBuilder(clear=True, symlinks=True).create(folder)
    target = sysconfig.get_path("purelib", "venv", vars={"base": str(folder)})
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(target)


PIP_INSTALL = (
    "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes",
)  # fmt: skip


def can_be_kept(folder: Path, root: Path) -> bool:
    """Whether an environment only needs other packages: its Python runs, has pip, and it was made here (its
    scripts hold the folder's name)."""
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        output(folder / "bin" / "python", "-c", probe)
        return (folder / STAMP).read_text().endswith(f" {root}\n")
    except (BootstrapError, OSError):
        return False


def with_uv(python: Path, lock: Path, folder: Path) -> bool:
    """Install everything with the locked uv; False when uv is not to be had or fails."""
    block = re.search(r"^uv==.*?(?=^\S|\Z)", lock.read_text(), re.MULTILINE | re.DOTALL)
    if block is None:
        return False
    only_uv = folder / "uv.lock"
    only_uv.write_text(block.group())
    try:
        say("installing uv")
        run(python, "-m", "pip", *PIP_INSTALL, "-r", str(only_uv))
        environment = os.environ | uv_settings(python)
        arguments = ("install", "--no-deps", "--require-hashes", "-r", str(lock))
        say("installing the packages of requirements.lock")
        run(python, "-m", "uv", "pip", *arguments, "--python", str(python), "--quiet", environment=environment)
    except BootstrapError as error:
        say(str(error))
        return False
    finally:
        only_uv.unlink()
    return True


def uv_settings(python: Path) -> dict[str, str]:
    """pip's own configuration (files and environment), said in uv's variables, unless those are set already.

    Any index may serve any package: the hashes decide what is installed.
    """
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_LINK_MODE": "copy", "UV_NO_PROGRESS": "1"}
    for name, value in pip_configuration(python).items():
        variable = INDEX_SETTINGS.get(name)
        if variable is not None:
            found[variable] = ("," if name == "find-links" else " ").join(value.split())
    return {name: value for name, value in found.items() if name not in os.environ}


def pip_configuration(python: Path) -> dict[str, str]:
    """The settings of `pip install`; of one name, the environment beats [install], which beats [global]."""
    ranked: dict[str, tuple[int, str]] = {}
    for line in output(python, "-m", "pip", "config", "list").splitlines():
        key, _, quoted = line.partition("=")
        section, _, name = key.rpartition(".")
        rank = {"global": 0, "install": 1, ":env:": 2}.get(section)
        if rank is not None and rank >= ranked.get(name, (-1, ""))[0]:
            ranked[name] = (rank, str(ast.literal_eval(quoted)))
    return {name: value for name, (_, value) in ranked.items()}


def output(program: Path, *arguments: str) -> str:
    try:
        command = [str(program), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own Python
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapError(f"{program} does not run.") from error


def run(program: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
    command = [str(program), *arguments]
    done = subprocess.run(command, check=False, stdout=sys.stderr, env=environment)  # noqa: S603 - our own Python
    if done.returncode != 0:
        raise BootstrapError(f"`{' '.join(arguments[:4])}` failed (exit code {done.returncode}), see above.")


def say(text: str) -> None:
    print(f"opsgraph: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except BootstrapError as error:
        sys.exit(f"opsgraph: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
