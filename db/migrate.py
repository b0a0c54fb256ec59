"""Bring a database's schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from runtime.settings import Settings

FOLDER = Path(__file__).parent / "migrations"


def configuration(settings: Settings) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = settings.database_owner_url or settings.database_url
    return config


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Run the migrations that are missing, each in its transaction. Two at once are safe: the second one waits.

    Not to be called inside a running event loop.
    """
    command.upgrade(configuration(settings), revision)


def head() -> str:
    """The newest revision that this code knows."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config).get_current_head() or "base"


def print_sql() -> None:
    """Print the SQL of all migrations, for review and the linter. Needs no database."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head", sql=True)
