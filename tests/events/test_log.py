"""The log is append-only for everyone, and has a partition for every moment."""

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from db.events.connection import Connection, connect
from db.rls import APP_ROLE
from db.session import Database
from domain.events.relay import Relay, ensure_partitions
from tests.factories.events import write

REFUSED = ("UPDATE {t} SET type = 'x'", "DELETE FROM {t}", "TRUNCATE {t}")


async def partitions(connection: Connection) -> list[str]:
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event_log'::regclass"
    )
    return sorted(row[0] for row in rows)


@pytest.mark.parametrize("statement", REFUSED)
async def test_no_role_changes_the_log(own: Database, system: Connection, admin: Connection, statement: str) -> None:
    await write(own, uuid7(), 2)
    await Relay(own, None).move(system)
    tables = ["event_log", *await partitions(admin)]
    owner = await connect(own.settings, "none", "owner")
    app = await connect(own.settings, APP_ROLE, "app")
    # The owner is bound by row security like everyone; without it he still meets the trigger.
    await owner.execute("ALTER TABLE event_log NO FORCE ROW LEVEL SECURITY")
    try:
        for connection in (app, system, owner, admin):
            for table in tables:
                async with Attempt(connection) as attempt:
                    await connection.execute(statement.format(t=table))
                if table != "event_log" and attempt.error is None:
                    # An empty partition has no row whose change could be refused.
                    assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
                    continue
                assert isinstance(attempt.error, asyncpg.InsufficientPrivilegeError), (connection, table)
    finally:
        await owner.close()
        await app.close()
    assert await admin.fetchval("SELECT count(*) FROM event_log") == 2


class Attempt:
    """A transaction whose error is kept; it is rolled back in any case."""

    error: BaseException | None = None

    def __init__(self, connection: Connection) -> None:
        self._transaction = connection.transaction()

    async def __aenter__(self) -> "Attempt":
        await self._transaction.start()
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        self.error = error
        await self._transaction.rollback()
        return isinstance(error, asyncpg.PostgresError)


async def test_triggers_hold_even_when_triggers_are_switched_off_for_replication(
    own: Database, system: Connection, admin: Connection
) -> None:
    await write(own, uuid7())
    await Relay(own, None).move(system)
    await admin.execute("SET session_replication_role = replica")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await admin.execute("DELETE FROM event_log")


async def test_an_organization_sees_its_own_events_only(own: Database, system: Connection) -> None:
    mine, other = uuid7(), uuid7()
    await write(own, mine, 2)
    await write(own, other, 3)
    await Relay(own, None).move(system)
    app = await connect(own.settings, APP_ROLE, "app")
    try:
        assert await app.fetchval("SELECT count(*) FROM event_log") == 0
        await app.execute("SELECT set_config('app.org_id', $1, false)", str(mine))
        for table, count in (("event_log", 2), ("event_heads", 1)):
            rows = await app.fetch(f"SELECT org_id FROM {table}")
            assert [row["org_id"] for row in rows] == [mine] * count
        for table in await partitions(system):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.fetch(f"SELECT * FROM {table}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("INSERT INTO event_heads VALUES ($1, 9, 'x', now())", mine)
    finally:
        await app.close()


async def test_partitions_are_made_ahead_and_protected_like_the_first(system: Connection, admin: Connection) -> None:
    before = await partitions(admin)
    assert await ensure_partitions(system) == 0
    assert await system.fetchval("SELECT event_log_ensure_partitions(5)") == 3
    made = set(await partitions(admin)) - set(before)
    assert len(made) == 3
    for table in made:
        row = await admin.fetchrow(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass", table
        )
        assert tuple(row) == (True, True)
        triggers = await admin.fetch(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = $1::text::regclass AND tgenabled = 'A' ORDER BY 1", table
        )
        assert [t["tgname"] for t in triggers] == ["refuse_change", "refuse_truncate"]
        counted = "SELECT count(*) FROM pg_index WHERE indrelid = $1::text::regclass"
        assert await admin.fetchval(counted, table) == await admin.fetchval(counted, "event_log")


INSERT = """
    INSERT INTO event_log (org_id, seq, recorded_at, id, type, target_type, target_id, occurred_at,
                           previous_hash, hash)
    VALUES (gen_random_uuid(), 1, now() + $1::text::interval, gen_random_uuid(), 't', 'th', gen_random_uuid(),
            now(), '', '')
"""


async def test_a_month_without_a_partition_goes_to_the_default_one(system: Connection, admin: Connection) -> None:
    await system.execute(INSERT, "5 months")
    assert await admin.fetchval("SELECT count(*) FROM event_log_default") == 1
    # That month stays there; the months around it still get theirs.
    assert await system.fetchval("SELECT event_log_ensure_partitions(6)") == 3
    assert await admin.fetchval("SELECT count(*) FROM event_log_default") == 1
    await system.execute(INSERT, "5 months")
    assert await admin.fetchval("SELECT count(*) FROM event_log_default") == 2


async def test_the_epoch_changes_with_the_database_and_on_request(
    own: Database, db: Database, system: Connection, admin: Connection
) -> None:
    epoch = await system.fetchval("SELECT event_epoch()")
    assert len(bytes.fromhex(epoch)) == 8
    other = await connect(db.settings, APP_ROLE, "app")
    try:
        # `db` has the same event_epochs row: both are copies of one template, as after a restore.
        assert await other.fetchval("SELECT event_epoch()") != epoch
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.execute("SELECT event_epoch_renew()")
    finally:
        await other.close()
    await admin.execute("SELECT event_epoch_renew()")
    assert await system.fetchval("SELECT event_epoch()") != epoch
