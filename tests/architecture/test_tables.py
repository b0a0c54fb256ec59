"""The tables that the migrations make are the ones that the models describe."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection
from sqlalchemy.ext.asyncio import create_async_engine

from db.models import Base
from db.session import async_url
from runtime.settings import Settings

TABLES = {table.name: table for table in Base.metadata.sorted_tables if not table.info.get("view")}
CHECKS = """
SELECT t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'c' AND t.relname = ANY($1)
"""
UNLOGGED = "SELECT relname FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'"


def ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    return (name if kind == "table" else thing.table.name) in TABLES


def differences(connection: Connection) -> list[Any]:
    """In columns, keys, indexes and defaults."""
    options = {"include_object": ours, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


async def test_models_and_migrations_agree(settings: Settings) -> None:
    engine = create_async_engine(async_url(settings.database_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        stored = {tuple(row) for row in await connection.exec_driver_sql(CHECKS, (sorted(TABLES),))}
        unlogged = {name for (name,) in await connection.exec_driver_sql(UNLOGGED)}
    await engine.dispose()
    described = {
        (name, str(constraint.name))
        for name, table in TABLES.items()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert stored ^ described == set()
    assert unlogged & set(TABLES) == {name for name, table in TABLES.items() if "UNLOGGED" in table._prefixes}
