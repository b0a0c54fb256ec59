"""The servers of a running `opsgraph up`, found by the other commands through its data folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from runtime.processes import Mark, replace_text
from runtime.settings import Settings

RECORD = "runtime.json"
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")  # parameters of a database's URL


@dataclass(frozen=True)
class Running:
    """What `up` writes down for others while it runs (readable by its user only)."""

    mark: Mark
    url: str
    database_url: str
    redis_url: str

    def save(self, data_dir: Path) -> None:
        replace_text(data_dir / RECORD, json.dumps(asdict(self)))

    @classmethod
    def load(cls, data_dir: Path) -> "Running | None":
        """The record, if there is one and it can be read."""
        try:
            found = json.loads((data_dir / RECORD).read_text())
            mark = Mark(int(found["mark"]["pid"]), str(found["mark"]["started"]))
            return cls(mark, found["url"], found["database_url"], found["redis_url"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def forget(data_dir: Path) -> None:
    (data_dir / RECORD).unlink(missing_ok=True)


def with_running_servers(settings: Settings) -> Settings:
    """The settings with the servers of the running `up` wherever the environment names none."""
    if settings.environment == "production" or (settings.database_url and settings.redis_url):
        return settings
    running = Running.load(settings.data_dir)
    if running is None or not running.mark.alive():
        return settings
    update = {}
    if not settings.database_url:
        update["database_url"] = running.database_url
    if not settings.redis_url:
        update["redis_url"] = running.redis_url
    if "public_url" not in settings.model_fields_set:
        update["public_url"] = running.url
    return settings.model_copy(update=update)


def missing_files(settings: Settings) -> str | None:
    """Which file that a database's URL names does not exist, in a sentence; the driver would not say which."""
    for name in ("database_url", "database_read_url", "database_owner_url"):
        for parameter, path in parse_qsl(urlsplit(getattr(settings, name)).query):
            if parameter in FILES and not Path(path).expanduser().is_file():
                return f"{name.upper()} has {parameter}={path}, and there is no such file."
    return None


def missing_servers(settings: Settings) -> str | None:
    """Why there is no database to work on, in a sentence; None when there is one."""
    if settings.database_url and settings.redis_url:
        return None
    name = "REDIS_URL" if settings.database_url else "DATABASE_URL"
    if settings.environment == "production":
        return f"{name} is not set; production does not run on embedded servers."
    running = Running.load(settings.data_dir)
    if running is not None and not running.mark.alive():
        return (
            f"The `opsgraph up` that used {settings.data_dir} (process {running.mark.pid}) is over; "
            f"start it again, or set {name}."
        )
    return f"There is no server to work with: start `./opsgraph up` in another terminal, or set {name}."
