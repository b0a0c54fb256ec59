"""`audit verify`: an intact chain verifies, and the first event that breaks one is named."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from db.events.connection import Connection
from db.session import Database
from domain.errors import NotFoundError
from domain.events.audit import Break, verify
from domain.events.relay import Relay
from domain.events.rules.chain import Entry, digest
from tests.factories.events import write

Tamper = Callable[[str], Awaitable[str]]


@pytest.fixture
async def org(own: Database, system: Connection) -> UUID:
    """An organization with ten events, beside another one."""
    org_id = uuid7()
    await write(own, org_id, 10, after={"text": 'Zürich "1"\n\u2028', "n": 1.50, "deep": {"a": [None, True]}})
    await write(own, uuid7(), 3)
    await Relay(own, None, batch=4).move(system)
    while await Relay(own, None, batch=4).move(system):
        pass
    return org_id


@pytest.fixture
async def tamper(admin: Connection) -> Tamper:
    """Change the log as someone with every right in the database can."""

    async def change(sql: str) -> str:
        async with admin.transaction():
            for trigger in ("refuse_change", "refuse_truncate"):
                await admin.execute(f"ALTER TABLE event_log DISABLE TRIGGER {trigger}")
            status = await admin.execute(sql)
            await admin.execute("ALTER TABLE event_log ENABLE ALWAYS TRIGGER refuse_change")
            return str(status)

    return change


async def first_break(own: Database, org: UUID) -> Break:
    report = await verify(own.settings)
    assert not report.intact
    broken = {chain.org_id: chain.broken for chain in report.chains}
    assert [key for key, value in broken.items() if value is not None] == [org]
    found = broken[org]
    assert found is not None
    return found


async def id_of(admin: Connection, org: UUID, seq: int) -> UUID:
    return UUID(str(await admin.fetchval("SELECT id FROM event_log WHERE org_id = $1 AND seq = $2", org, seq)))


async def test_an_untouched_log_verifies(own: Database, org: UUID) -> None:
    walked: list[int] = []
    report = await verify(own.settings, progress=walked.append)
    assert report.intact
    assert report.events == 13 == walked[-1]
    assert {chain.events for chain in report.chains} == {10, 3}


async def test_the_relay_escapes_as_the_audit_does(own: Database, system: Connection) -> None:
    """PostgreSQL renders what the relay hashes, orjson what the audit does: for every character the same."""
    org = uuid7()
    characters = "".join(chr(code) for code in (*range(1, 0x180), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0x1F6E9, 0x10FFFF))
    await write(
        own, org, type=characters, target_type='a"b\\c', before={characters: [None, 1.5]}, after={"": characters}
    )
    await write(own, org, actor_id=None, before=None, after=None, occurred_at=datetime(999, 1, 2, 3, 4, 5, 6, UTC))
    assert await Relay(own, None).move(system) == 2
    [chain] = (await verify(own.settings)).chains
    assert chain.intact, chain.broken


async def test_an_outsider_can_recompute_the_chain_from_its_description(org: UUID, admin: Connection) -> None:
    previous = "0" * 64
    for row in await admin.fetch(
        "SELECT *, before::text b, after::text a FROM event_log WHERE org_id = $1 ORDER BY seq", org
    ):
        times = [row[n].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for n in ("recorded_at", "occurred_at")]
        actors = [row[n] and str(row[n]) for n in ("actor_id", "impersonator_id")]
        parts = ["opsgraph.event.v1", previous, str(row["org_id"]), row["seq"], str(row["id"]), *times, *actors,
                 row["type"], row["target_type"], str(row["target_id"]), row["b"], row["a"]]  # fmt: skip
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == row["hash"]
        previous = row["hash"]


@pytest.mark.parametrize(
    "change",
    [
        "type = 'thing.other'",
        "after = '{}'",
        "actor_id = gen_random_uuid()",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "impersonator_id = gen_random_uuid()",
        "hash = repeat('a', 64)",
        "previous_hash = repeat('a', 64)",
    ],
)
async def test_a_changed_event_is_named(
    own: Database, org: UUID, tamper: Tamper, admin: Connection, change: str
) -> None:
    assert await tamper(f"UPDATE event_log SET {change} WHERE org_id = '{org}' AND seq = 4") == "UPDATE 1"
    found = await first_break(own, org)
    assert (found.kind, found.seq, found.event_id) == ("tampered", 4, await id_of(admin, org, 4))


@pytest.mark.parametrize("seq", [4, 10])
async def test_a_changed_event_with_its_hash_made_anew_is_named(
    own: Database, org: UUID, tamper: Tamper, admin: Connection, seq: int
) -> None:
    row = await admin.fetchrow("SELECT * FROM event_log WHERE org_id = $1 AND seq = $2", org, seq)
    assert row is not None
    values = {name: row[name] for name in Entry.__dataclass_fields__} | {"type": "thing.other"}
    forged = digest(Entry(**values), row["previous_hash"])
    await tamper(f"UPDATE event_log SET type = 'thing.other', hash = '{forged}' WHERE org_id = '{org}' AND seq = {seq}")
    found = await first_break(own, org)
    assert (found.kind, found.seq, found.event_id) == ("tampered", seq, row["id"])


@pytest.mark.parametrize(
    ("gone", "named"), [("seq = 1", 1), ("seq = 5", 5), ("seq BETWEEN 5 AND 7", 5), ("seq > 8", 9), ("true", 1)]
)
async def test_a_deleted_event_is_named(own: Database, org: UUID, tamper: Tamper, gone: str, named: int) -> None:
    await tamper(f"DELETE FROM event_log WHERE org_id = '{org}' AND {gone}")
    found = await first_break(own, org)
    assert (found.kind, found.seq) == ("deleted", named)


@pytest.mark.parametrize("moment", ["- interval '1 hour'", "+ interval '1 hour'"])
async def test_an_event_inserted_beside_another_is_named(own: Database, org: UUID, tamper: Tamper, moment: str) -> None:
    fake = uuid7()
    columns = "org_id, seq, type, target_type, target_id, occurred_at, previous_hash, hash"
    await tamper(
        f"INSERT INTO event_log (id, recorded_at, {columns}) SELECT '{fake}', recorded_at {moment}, {columns}"
        f" FROM event_log WHERE org_id = '{org}' AND seq = 6"
    )
    found = await first_break(own, org)
    assert (found.kind, found.seq, found.event_id) == ("inserted", 6, fake)


async def test_an_event_appended_behind_the_relays_back_is_named(
    own: Database, org: UUID, tamper: Tamper, admin: Connection
) -> None:
    last = await admin.fetchval("SELECT hash FROM event_log WHERE org_id = $1 AND seq = 10", org)
    now = datetime.now(UTC)
    entry = Entry(org, 11, uuid7(), now, now, None, None, "thing.forged", "th", uuid7(), None, None)
    await tamper(
        "INSERT INTO event_log (org_id, seq, id, recorded_at, occurred_at, type, target_type, target_id,"
        f" previous_hash, hash) VALUES ('{org}', 11, '{entry.id}', '{now.isoformat()}', '{now.isoformat()}',"
        f" 'thing.forged', 'th', '{entry.target_id}', '{last}', '{digest(entry, last)}')"
    )
    found = await first_break(own, org)
    assert (found.kind, found.seq, found.event_id) == ("inserted", 11, entry.id)


async def test_a_log_of_an_organization_without_a_head_is_found(own: Database, org: UUID, tamper: Tamper) -> None:
    await tamper(f"DELETE FROM event_heads WHERE org_id = '{org}'")
    found = await first_break(own, org)
    assert (found.kind, found.seq) == ("inserted", 1)


async def test_one_organization_is_chosen_by_slug(own: Database, org: UUID, admin: Connection) -> None:
    await admin.execute("INSERT INTO organizations (id, slug, name, kind) VALUES ($1, 'alpha', 'Alpha', 'AMO')", org)
    await admin.execute("INSERT INTO organizations (id, slug, name, kind) VALUES ($1, 'empty', 'E', 'AMO')", uuid7())
    report = await verify(own.settings, "alpha")
    assert [(chain.slug, chain.events) for chain in report.chains] == [("alpha", 10)]
    assert (await verify(own.settings, "empty")).chains == []
    with pytest.raises(NotFoundError, match="'nobody'"):
        await verify(own.settings, "nobody")
