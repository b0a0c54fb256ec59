"""Bring a database's schema up to date."""

import re
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from runtime.settings import Settings

FOLDER = Path(__file__).parent / "migrations"


def configuration(settings: Settings) -> Config:
    config = Config()
    _place(config)
    config.attributes["url"] = settings.database_owner_url or settings.database_url
    return config


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Run the migrations that are missing, each in its transaction. Two at once are safe: the second one waits.

    Not to be called inside a running event loop.
    """
    command.upgrade(configuration(settings), revision)


def head() -> str:
    """The newest revision that this code knows."""
    return _scripts().get_current_head() or "base"


def sql() -> dict[str, str]:
    """The SQL of each migration by its revision, oldest first, as Alembic would run it. Needs no database."""
    found = {}
    for script in reversed(list(_scripts().walk_revisions())):
        text = StringIO()
        config = Config(output_buffer=text)
        _place(config)
        command.upgrade(config, f"{script.down_revision or 'base'}:{script.revision}", sql=True)
        # Alembic's own table is not ours to lint.
        found[script.revision] = re.sub(
            r"CREATE TABLE alembic_version \(.*?\);\s*", "", text.getvalue(), flags=re.DOTALL
        )
    return found


def _scripts() -> ScriptDirectory:
    config = Config()
    _place(config)
    return ScriptDirectory.from_config(config)


def _place(config: Config) -> None:
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
