"""Whether the tables that the migrations make are the ones that the models describe."""

from collections.abc import Collection
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection
from sqlalchemy.ext.asyncio import create_async_engine

from db.models import Base
from db.session import async_url
from runtime.settings import Settings

CHECKS = """
SELECT c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'c' AND t.relname = ANY($1)
"""


async def disagreements(settings: Settings, tables: Collection[str]) -> list[Any]:
    """What differs between models and database, in these tables: columns, keys, indexes, defaults and checks."""

    def ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return (name if kind == "table" else thing.table.name) in tables

    def differences(connection: Connection) -> list[Any]:
        options = {"include_object": ours, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))

    engine = create_async_engine(async_url(settings.database_url))
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
        rows = await connection.exec_driver_sql(CHECKS, (sorted(tables),))
        stored = {name for (name,) in rows}
    await engine.dispose()
    described = {
        str(constraint.name)
        for table in Base.metadata.sorted_tables
        if table.name in tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    return [*found, *sorted(stored ^ described)]
