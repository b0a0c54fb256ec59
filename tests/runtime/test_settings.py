"""Settings: keys for development, what production refuses, and the servers of a running `up`."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from runtime.commands.settings import described, shown, table
from runtime.paths import PROJECT
from runtime.processes import Mark
from runtime.running import Running, missing_servers, with_running_servers
from runtime.safety import login_problems, production_problems
from runtime.sealing import new_key
from runtime.secrets import ensure_secrets, new_jwt_key
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings


def make(tmp_path: Path, **values: Any) -> Settings:
    return Settings(_env_file=None, **({"data_dir": tmp_path} | values))


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def safe(tmp_path: Path, **values: Any) -> Settings:
    return make(
        tmp_path,
        **{
            "environment": "production",
            "database_url": "postgresql://opsgraph:pw@db/opsgraph",
            "redis_url": "redis://valkey/0",
            "public_url": "https://opsgraph.example.com",
            "secret_key": SecretStr("k" * 48),
            "jwt_private_key": SecretStr(new_jwt_key()),
            "encryption_keys": SecretStr(new_key()),
            "smtp_url": "smtp://mail.example.com",
            "mail_from": "Opsgraph <no-reply@example.com>",
        }
        | values,
    )


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    first = ensure_secrets(make(tmp_path / "new"))
    assert ensure_secrets(make(tmp_path / "new")) == first
    assert len(first.secret_key.get_secret_value()) >= 48
    assert "PRIVATE KEY" in first.jwt_private_key.get_secret_value()
    files = list((tmp_path / "new").iterdir())
    assert sorted(file.name for file in files) == ["encryption.key", "jwt.pem", "secret.key"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_production_makes_no_keys(tmp_path: Path) -> None:
    bare = make(tmp_path, environment="production")
    assert ensure_secrets(bare) == bare
    assert list(tmp_path.iterdir()) == []


def test_safe_production_starts(tmp_path: Path) -> None:
    assert production_problems(safe(tmp_path)) == []
    assert production_problems(make(tmp_path)) == []  # development may be unsafe


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"database_url": ""}, "DATABASE_URL"),
        ({"redis_url": ""}, "REDIS_URL"),
        ({"public_url": "http://opsgraph.example.com"}, "PUBLIC_URL"),
        ({"secret_key": SecretStr("")}, "SECRET_KEY"),
        ({"secret_key": SecretStr("short")}, "SECRET_KEY"),
        ({"jwt_private_key": SecretStr("")}, "JWT_PRIVATE_KEY"),
        ({"encryption_keys": SecretStr("")}, "ENCRYPTION_KEYS"),
        ({"encryption_keys": SecretStr("short")}, "ENCRYPTION_KEYS"),
        ({"smtp_url": ""}, "SMTP_URL"),
        ({"mail_from": "Opsgraph <no-reply@localhost>"}, "MAIL_FROM"),
    ],
)
def test_production_refuses(tmp_path: Path, change: dict[str, object], said: str) -> None:
    (problem,) = production_problems(safe(tmp_path, **change))
    assert said in problem
    assert problem.endswith(".")


def test_production_refuses_generated_keys(tmp_path: Path) -> None:
    made = ensure_secrets(make(tmp_path))
    names = ("secret_key", "jwt_private_key", "encryption_keys")
    found = production_problems(safe(tmp_path, **{name: getattr(made, name) for name in names}))
    assert len(found) == 3
    assert all("generated for development" in problem for problem in found)


async def test_production_refuses_a_superuser_login(tmp_path: Path, servers: Throwaway) -> None:
    (problem,) = await login_problems(safe(tmp_path, database_url=servers.postgres.admin_url))
    assert "postgres" in problem
    assert await login_problems(safe(tmp_path, database_url=servers.postgres.url)) == []


def test_pem_in_one_line(tmp_path: Path) -> None:
    key = new_jwt_key()
    written_out = make(tmp_path, jwt_private_key=SecretStr(key.replace("\n", "\\n")))
    assert written_out.jwt_private_key.get_secret_value() == key


def test_bad_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="default_page_size"):
        make(tmp_path, default_page_size=50, max_page_size=20)


def test_a_running_up_is_found(tmp_path: Path) -> None:
    Running(Mark.of(os.getpid()), "http://127.0.0.1:1", "postgresql://x", "redis://y").save(tmp_path)
    found = with_running_servers(make(tmp_path))
    assert (found.database_url, found.redis_url) == ("postgresql://x", "redis://y")
    assert found.public_url == "http://127.0.0.1:1"
    assert missing_servers(found) is None
    assert with_running_servers(make(tmp_path, database_url="postgresql://mine")).database_url == "postgresql://mine"
    assert with_running_servers(make(tmp_path, environment="production")).database_url == ""


def test_a_stale_record_is_no_server(tmp_path: Path) -> None:
    Running(Mark(os.getpid(), "another start"), "http://127.0.0.1:1", "postgresql://x", "redis://y").save(tmp_path)
    found = with_running_servers(make(tmp_path))
    assert found.database_url == ""
    assert "is over" in (missing_servers(found) or "")
    (tmp_path / "runtime.json").write_text("{broken")
    assert "There is no server" in (missing_servers(with_running_servers(make(tmp_path))) or "")


def test_every_setting_is_described_and_secrets_are_masked(tmp_path: Path) -> None:
    rows = {row["variable"]: row for row in described(safe(tmp_path))}
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    assert all(row["meaning"] for row in rows.values())
    assert rows["SECRET_KEY"]["value"] == "********"
    assert rows["DATABASE_URL"]["value"] == "postgresql://opsgraph:********@db/opsgraph"
    assert shown("redis://:pw@127.0.0.1:1/0") == "redis://:********@127.0.0.1:1/0"


def test_the_readme_has_every_setting(tmp_path: Path) -> None:
    """`./opsgraph settings --markdown` prints what it must hold."""
    assert table(described(make(tmp_path))) in (PROJECT / "README.md").read_text()
