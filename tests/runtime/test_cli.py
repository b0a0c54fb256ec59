"""The commands' help, and sentences instead of tracebacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from db.events.connection import connect
from db.rls import SYSTEM_ROLE
from db.session import Database
from runtime.commands.common import CommandError, run
from runtime.paths import PROJECT
from runtime.servers.throwaway import Throwaway, throwaway, with_database
from runtime.settings import Settings

COMMANDS = [
    "up", "serve", "worker", "settings", "migrate", "demo", "user create-superuser", "audit verify",
    "operations push", "import aircraft", "reminders run", "tour maintenance", "schema", "check", "test", "bench",
]  # fmt: skip


def opsgraph(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return subprocess.run(
        [sys.executable, "-P", "-m", "runtime.cli", *arguments],
        env=bare | {"PYTHONPATH": str(PROJECT), "COLUMNS": "100", "NO_COLOR": "1"} | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_lists_every_command() -> None:
    shown = opsgraph("--help").stdout
    assert all(command.split()[0] in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    from typer.testing import CliRunner

    from runtime.cli import app

    result = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="opsgraph")
    assert result.exit_code == 0
    explanation = result.output.partition("Options")[0].partition("Usage:")[2].splitlines()[1:]
    assert any(len(line.split()) >= 5 for line in explanation), result.output


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["migrate"], {}, 1, "There is no server to work with"),
        (["migrate"], {"LOG_LEVEL": "LOUD"}, 2, "LOG_LEVEL"),
        (["migrate"], {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "REDIS_URL": "redis://x"}, 1, "does not answer"),
        (
            ["migrate"],
            {"DATABASE_URL": "postgresql://h/x?sslmode=verify-full&sslrootcert=/none.pem", "REDIS_URL": "redis://x"},
            1,
            "DATABASE_URL has sslrootcert=/none.pem, and there is no such file.",
        ),
        (["serve"], {"ENVIRONMENT": "production"}, 1, "DATABASE_URL is not set"),
        (["up"], {"ENVIRONMENT": "production"}, 1, "SECRET_KEY is missing"),
        (["bench", "nothing"], {}, 2, "There is no benchmark"),
        (["import", "aircraft", "x.csv"], {}, 2, "--organization"),
    ],
)
def test_mistakes_are_answered_with_a_sentence(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    done = opsgraph(*arguments, **({"DATA_DIR": str(tmp_path)} | environment))
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_migrate_twice_at_once_and_again(servers: Throwaway, tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": servers.database("migrated"),
        "REDIS_URL": servers.valkey.url,
        "DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-P", "-m", "runtime.cli", "migrate"]
    both = [
        subprocess.Popen(command, env=os.environ | environment | {"PYTHONPATH": str(PROJECT)}, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [each.communicate(timeout=120)[1].decode() for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    assert sum('"migrated"' in text for text in said) == 1
    assert "at revision" in opsgraph("migrate", **environment).stderr


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("sslmode=strange", "`sslmode` parameter must be one of"),
        ("strange=1", 'unrecognized configuration parameter "str'),
    ],
)
def test_parameters_that_nobody_knows(servers: Throwaway, template: str, parameter: str, said: str) -> None:
    url = with_database(servers.postgres.url, template).partition("?")[0]
    database = Database(Settings(_env_file=None, database_url=f"{url}?{parameter}"))

    async def ask() -> None:
        async with database.platform() as session:
            await session.execute(text("SELECT 1"))

    with pytest.raises(CommandError, match=f"cannot be connected to: .*{said}"):
        run(ask())


def test_before_migration_it_says_so(servers: Throwaway, tmp_path: Path) -> None:
    url = servers.database("empty")
    done = opsgraph("audit", "verify", DATABASE_URL=url, REDIS_URL="redis://x", DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "is not migrated" in done.stderr


def test_on_a_server_that_never_was_migrated_it_says_so() -> None:
    """It has none of our roles."""

    async def by_driver(settings: Settings) -> None:
        await connect(settings, SYSTEM_ROLE, "test")

    async def by_pool(settings: Settings) -> None:
        async with Database(settings).platform() as session:
            await session.execute(text("SELECT 1"))

    with throwaway() as new:
        settings = Settings(_env_file=None, database_url=new.postgres.url)
        for ask in (by_driver, by_pool):
            with pytest.raises(CommandError, match="is not migrated"):
                run(ask(settings))


def test_create_superuser(fresh_settings: Settings, tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": fresh_settings.database_url,
        "REDIS_URL": fresh_settings.redis_url,
        "DATA_DIR": str(tmp_path),
    }
    arguments = ["user", "create-superuser", "--email", "root@example.com", "--name", "Root"]
    weak = opsgraph(*arguments, stdin="secret\n", **environment)
    assert weak.returncode == 1
    assert "Traceback" not in weak.stderr
    done = opsgraph(*arguments, stdin="correct-horse-battery-staple-91\n", **environment)
    assert (done.returncode, done.stdout) == (0, "root@example.com is a superuser.\n"), done.stderr
    report = opsgraph("audit", "verify", **environment)
    assert report.returncode == 0, report.stderr
