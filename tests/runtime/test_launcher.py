"""./opsgraph: makes its virtual environment once, whoever runs it and from wherever."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import bootstrap
from runtime.paths import PROJECT

BASE: str = vars(sys)["_base_executable"]  # the interpreter that our own environment was made with
SHOW = """
import os, sys
assert not sys.dont_write_bytecode
print(os.getcwd(), sys.prefix, *sys.argv[1:], sep="|")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project: the real launcher, a lock of two packages, and a CLI that shows how it was called."""
    root = tmp_path / "a project"
    (root / "runtime").mkdir(parents=True)
    shutil.copy(PROJECT / "opsgraph", root)
    shutil.copy(PROJECT / "runtime" / "bootstrap.py", root / "runtime")
    (root / "runtime" / "__init__.py").touch()
    (root / "runtime" / "cli.py").write_text(SHOW)
    (root / "requirements.lock").write_text(locked("uv", "annotated-doc"))
    return root


def locked(*names: str) -> str:
    lock = (PROJECT / "requirements.lock").read_text()
    blocks = [re.search(rf"^{name}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL) for name in names]
    return "".join(block.group() for block in blocks if block)


def launch(root: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [root / "opsgraph", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OPSGRAPH_PYTHON": BASE} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out, err


def test_a_first_run_by_two_at_once_then_a_second_run_then_another_lock(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "runtime").mkdir()  # must not be taken for ours
    (elsewhere / "runtime" / "__init__.py").write_text("raise SystemExit('wrong folder')")
    link = tmp_path / "link"
    link.symlink_to(project / "opsgraph")
    expected = f"{elsewhere}|{project / '.venv'}|up|a b\n"

    both = [launch(project, "up", "a b", cwd=elsewhere) for _ in range(2)]
    results = [finish(each) for each in both]
    assert [out for out, _ in results] == [expected, expected]
    assert sum("creating .venv" in err for _, err in results) == 1

    out, err = finish(launch(project, "up", "a b", cwd=elsewhere))
    assert (out, err) == (expected, "")
    through_link = subprocess.run([link, "up", "a b"], cwd=elsewhere, capture_output=True, text=True, check=True)
    assert (through_link.stdout, through_link.stderr) == (expected, "")

    (project / "requirements.lock").write_text(locked("uv", "annotated-doc", "typing-extensions"))
    out, err = finish(launch(project, "up", "a b", cwd=elsewhere))
    assert out == expected
    assert "updating .venv" in err
    assert list((project / ".venv").glob("lib/python3*/site-packages/typing_extensions.py"))


def test_without_python_it_says_what_to_install(project: Path) -> None:
    process = launch(project, "up", cwd=project, OPSGRAPH_PYTHON="/nonexistent/python3")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "Python 3.11 or newer" in err
    assert len(err.splitlines()) == 1


def test_a_wrong_hash_stops_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package gets in that the lock does not know, neither by uv nor by pip."""
    monkeypatch.setattr(bootstrap, "say", lambda text: None)
    root = project / "bad"
    root.mkdir()
    lock = locked("annotated-doc")
    (root / "requirements.lock").write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock))
    with pytest.raises(bootstrap.BootstrapError, match="failed"):
        bootstrap.run(
            Path(sys.executable), "-m", "pip", *bootstrap.PIP_INSTALL, "--target", str(root / "target"),
            "-r", str(root / "requirements.lock"),
        )  # fmt: skip
    assert not (root / "target" / "annotated_doc").exists()


def test_uv_learns_what_pip_is_configured_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_"))]:
        monkeypatch.delenv(name)
    configuration = tmp_path / "pip.conf"
    configuration.write_text(
        "[global]\nindex-url = http://127.0.0.1:1/simple\nextra-index-url =\n    file:///a\n    file:///b\n"
        "find-links = /x /y\n[install]\nindex-url = http://127.0.0.1:2/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    monkeypatch.setenv("UV_FIND_LINKS", "/mine")
    found = bootstrap.uv_settings(Path(sys.executable))
    assert found["UV_DEFAULT_INDEX"] == "http://127.0.0.1:2/simple"
    assert found["UV_INDEX"] == "file:///a file:///b"
    assert found["SSL_CERT_FILE"] == "/ca.pem"
    assert "UV_FIND_LINKS" not in found


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "kept").touch()
    (tmp_path / ".venv").symlink_to(others)
    with pytest.raises(bootstrap.BootstrapError, match="is a link"):
        bootstrap.create(tmp_path / ".venv")
    assert (others / "kept").exists()
