"""What commands share: settings, and sentences instead of tracebacks."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the platform's data, keys and embedded servers; otherwise $DATA_DIR, or .opsgraph in the "
        "project.",
        show_default=False,
    ),
]


NOT_MIGRATED = "The database is not migrated; run `./opsgraph migrate` first."


class CommandError(Exception):
    """Ends a command with a sentence on standard error and an exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def load(data: Path | None = None, *, servers: bool = True) -> Any:
    """The settings; with `servers`, the database and Redis are there to be used (set, or of a running `up`)."""
    from runtime.running import missing_files, missing_servers
    from runtime.settings import settings

    if data is not None:
        os.environ["DATA_DIR"] = str(data.expanduser().absolute())
    found = settings()
    if problem := (missing_servers(found) if servers else None) or missing_files(found):
        raise CommandError(problem)
    return found


def refuse_unsafe(settings: Any) -> None:
    """In production, end with everything that is unsafe."""
    from runtime.safety import login_problems, production_problems

    problems = production_problems(settings) or run(login_problems(settings))
    if problems:
        raise CommandError("\n".join(["ENVIRONMENT is production, and this is not safe:", *problems]))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; what a person can mend becomes a CommandError."""
    with readable_errors():
        return asyncio.run(work)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn refusals and unreachable servers into sentences. Anything else is our bug and keeps its traceback."""
    import asyncpg
    from redis.exceptions import ConnectionError as RedisConnectionError
    from sqlalchemy.exc import DBAPIError

    from domain.errors import OperationError, UserErrors

    try:
        yield
    except UserErrors as error:
        raise CommandError("\n".join(each.message for each in error.errors)) from error
    except OperationError as error:
        raise CommandError(str(error)) from error
    except RedisConnectionError as error:
        raise CommandError(f"Redis does not answer: {error}.") from error
    except (ConnectionError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise CommandError(f"The database does not answer: {error}.") from error
    except (asyncpg.UndefinedTableError, asyncpg.InvalidParameterValueError) as error:
        if not _is_not_migrated(error):
            raise
        raise CommandError(NOT_MIGRATED) from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise CommandError(f"The database refuses us: {error}.") from error
    except DBAPIError as error:
        sentence = _database_sentence(error)
        if sentence is None:
            raise
        raise CommandError(sentence) from error


def _is_not_migrated(error: Any) -> bool:
    """No table; or, where no database of the server was ever migrated, none of our roles."""
    return error.sqlstate == "42P01" or (error.sqlstate == "22023" and 'role "' in str(error))


def _database_sentence(error: Any) -> str | None:
    """SQLAlchemy wraps the driver's error; its SQLSTATE tells what a person can do."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state and _is_not_migrated(error.orig):
        return NOT_MIGRATED
    if state[:2] in ("08", "28", "3D", "57"):
        return f"The database refuses us: {error.orig}."
    if error.statement is None:  # nothing was asked yet: a parameter of the URL, for example
        return f"The database cannot be connected to: {error.orig}."
    return None


def tell(text: str) -> None:
    """Progress and remarks: standard error, so that standard output stays what was asked for."""
    print(text, file=sys.stderr, flush=True)
