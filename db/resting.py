"""Connections that rest in a pool, and whether they are still any good."""

from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

USED = "opsgraph.used"
# How it shows; the last of them when the driver has read the farewell and not yet the end.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, asyncpg.InternalClientError)


def watch(engine: AsyncEngine) -> AsyncEngine:
    """Connections that were lost while nobody used them are replaced before somebody does.

    Each is asked in one round trip before it is used again. SQLAlchemy's own way (`pool_pre_ping`) takes three, for a
    transaction in which the question can be prepared behind a pooler; a simple query needs none.
    """

    @event.listens_for(engine.sync_engine, "checkout")
    def wake(connection: Any, record: Any, _proxy: Any) -> None:
        if USED not in record.info:
            record.info[USED] = True
            return
        try:
            connection.run_async(_ask)
        except LOST as error:
            raise InvalidatePoolError from error

    return engine


async def _ask(driver: Any) -> None:
    await driver.execute("SELECT")
