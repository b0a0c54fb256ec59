"""Alembic's entry: runs the migrations over asyncpg, one migrator at a time."""

import asyncio
import time
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from structlog import get_logger

from db.session import async_url

MIGRATORS = 7_062_018_001  # the advisory lock of whoever migrates
PATIENCE_SECONDS = 600.0

log = get_logger("db.migrations")


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        transaction_per_migration=True,
        on_version_apply=_say,
    )
    with context.begin_transaction():
        context.run_migrations()


def _say(ctx: MigrationContext, step: Any, heads: object, run_args: object) -> None:
    log.info("migrated", revision=step.up_revision_id, title=step.up_revision.doc)


async def online(url: str) -> None:
    engine = create_async_engine(
        async_url(url),
        poolclass=NullPool,
        connect_args={"server_settings": {"application_name": "opsgraph-migrate"}},
    )
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            await _wait_for_turn(await guard.execution_options(isolation_level="AUTOCOMMIT"))
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


async def _wait_for_turn(guard: AsyncConnection) -> None:
    """Ask again and again instead of waiting in the lock: a waiting statement holds a snapshot, for which
    CREATE INDEX CONCURRENTLY of the other migrator would wait in turn."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await guard.scalar(text(f"SELECT pg_try_advisory_lock({MIGRATORS})")):
        if time.monotonic() > deadline:
            raise TimeoutError("Another migration has held its lock for ten minutes.")
        await asyncio.sleep(0.2)


def offline() -> None:
    """Print the SQL (`opsgraph migrate --sql`), for review and the linter."""
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(online(context.config.attributes["url"]))
