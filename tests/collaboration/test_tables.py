"""The tables that the migration makes are the ones that the models describe."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from db.models import Base
from db.session import async_url
from runtime.settings import Settings

TABLES = {"feed_messages", "feed_positions", "presences", "presence_beats"}


def differences(connection: Connection) -> list[Any]:
    def ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return (name if kind == "table" else thing.table.name) in TABLES

    options = {"include_object": ours, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


async def test_models_and_migrations_agree(settings: Settings) -> None:
    engine = create_async_engine(async_url(settings.database_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        checks = await connection.exec_driver_sql(
            "SELECT c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype = 'c'"
            f" AND t.relname = ANY (ARRAY{sorted(TABLES)})"
        )
        stored = {name for (name,) in checks}
        kinds = await connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relpersistence = 'u'")
        assert {name for (name,) in kinds} & TABLES == {"presence_beats"}
    await engine.dispose()
    described = {
        str(constraint.name)
        for table in Base.metadata.sorted_tables
        if table.name in TABLES
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert stored == described
