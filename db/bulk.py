"""Writing many rows in one statement: they go as one JSON parameter, so the statement is the same for any number."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncSession

Rows = Sequence[Mapping[str, Any]]


async def insert(session: AsyncSession, table: Table, rows: Rows) -> None:
    """Insert `rows`; all have the same keys, which are columns. Other columns get the database's defaults."""
    if not rows:
        return
    columns = ", ".join(_checked(table, rows[0]))
    await session.execute(
        text(
            f"INSERT INTO {table.name} ({columns}) SELECT {columns}"  # noqa: S608 - names from the metadata
            f" FROM json_populate_recordset(null::{table.name}, CAST(:rows AS json))"
        ),
        {"rows": orjson.dumps(rows).decode()},
    )


async def insert_new(session: AsyncSession, table: Table, rows: Rows) -> set[UUID]:
    """As `insert`, but rows that a unique key has already are passed over. Returns the ids of those that were not."""
    if not rows:
        return set()
    columns = ", ".join(_checked(table, rows[0]))
    # Uuids that were read are the driver's, which orjson does not know.
    made = await session.execute(
        text(
            f"INSERT INTO {table.name} ({columns}) SELECT {columns}"  # noqa: S608 - names from the metadata
            f" FROM json_populate_recordset(null::{table.name}, CAST(:rows AS json))"
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        {"rows": orjson.dumps(rows, default=str).decode()},
    )
    return set(made.scalars())


async def update(session: AsyncSession, table: Table, rows: Rows) -> None:
    """Set the other keys of each row where org_id and id match, as one change of a versioned entity."""
    if not rows:
        return
    columns = [name for name in _checked(table, rows[0]) if name not in ("org_id", "id")]
    sets = ", ".join(f"{name} = given.{name}" for name in columns)
    result: Any = await session.execute(
        text(
            f"UPDATE {table.name} AS stored"  # noqa: S608 - names from the metadata
            f" SET {sets}, version = stored.version + 1, updated_at = clock_timestamp()"
            f" FROM json_populate_recordset(null::{table.name}, CAST(:rows AS json)) AS given"
            " WHERE stored.org_id = given.org_id AND stored.id = given.id"
        ),
        {"rows": orjson.dumps(rows).decode()},
    )
    if result.rowcount != len(rows):
        raise RuntimeError(f"{table.name}: {result.rowcount} of {len(rows)} rows were there to update")


def _checked(table: Table, row: Mapping[str, Any]) -> list[str]:
    if unknown := row.keys() - set(table.columns.keys()):
        raise ValueError(f"{table.name} has no columns {sorted(unknown)}")
    return list(row)
