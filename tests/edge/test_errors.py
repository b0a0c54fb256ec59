"""What a client is told of an error that no command raised."""

import pytest
from asyncpg import exceptions as pg
from sqlalchemy.exc import DBAPIError

from graph.errors import status_of, to_error


def lost() -> DBAPIError:
    return DBAPIError("SELECT 1", {}, Exception("gone"), connection_invalidated=True)


def wrapped(cause: Exception) -> DBAPIError:
    error = DBAPIError("SELECT 1", {}, cause)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "Connect call failed"),
        ConnectionResetError(),
        pg.CannotConnectNowError("the database system is starting up"),
        pg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        pg.CrashShutdownError("terminating connection because of crash of another server process"),
        pg.InterfaceError("cannot perform operation: connection is closed"),
        lost(),
        wrapped(pg.AdminShutdownError("terminating connection due to administrator command")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_that_is_away_is_said_to_be(error: Exception) -> None:
    told = to_error(error)
    assert told["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}
    assert status_of([told]) == 503


@pytest.mark.parametrize(
    "error", [pg.InterfaceError("another operation is in progress"), KeyError("secret"), wrapped(Exception("secret"))]
)
def test_anything_else_is_masked(error: Exception) -> None:
    told = to_error(error)
    assert told["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(told)
    assert status_of([told]) == 500
