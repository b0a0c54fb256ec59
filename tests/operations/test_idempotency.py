"""Idempotency keys: what was done once is not done again, whoever answers, and the answer is the same to the byte."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from db import idempotency
from db.events.connection import Connection, libpq_url
from db.idempotency import Claim
from db.session import Database
from graph import idempotency as keyed
from graph.idempotency import Idempotency, KeyInUseError
from runtime.servers.throwaway import Throwaway
from runtime.settings import Settings
from tests.conftest import Server
from tests.factories import identity
from tests.factories.events import until
from tests.factories.identity import Person
from tests.operations.conftest import application, code, post

GRAPHQL = {"accept": "application/graphql-response+json"}
CREATE = """mutation Create($input: CreateDepartmentInput!) {
    createDepartment(input: $input) { department { id name version } errors { code path } } }"""
UPDATE = """mutation Update($input: UpdateDepartmentInput!) {
    updateDepartment(input: $input) { department { name version } errors { code } } }"""
NAMES = "{ departments { nodes { name } } }"
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'opsgraph-app'"""


@pytest.fixture(scope="module")
def elsewhere(own_settings: Settings) -> Iterator[Server]:
    """Another process on the same database."""
    with application(own_settings) as running:
        yield running


@pytest.fixture
async def admin(own_settings: Settings, servers: Throwaway) -> AsyncIterator[Connection]:
    url = urlsplit(servers.postgres.admin_url)._replace(path=urlsplit(own_settings.database_url).path)
    connection = await asyncpg.connect(libpq_url(url.geturl()))
    yield connection
    await connection.close()


async def send(server: Server, someone: Person | None, key: str, query: str, **variables: Any) -> httpx.Response:
    token = someone.token if someone else None
    return await post(server, {"query": query, "variables": variables}, token, {"idempotency-key": key, **GRAPHQL})


async def create(server: Server, someone: Person, key: str, name: str) -> httpx.Response:
    return await send(server, someone, key, CREATE, input={"name": name, "description": "what it is for"})


async def names(server: Server, someone: Person) -> list[str]:
    answer = await post(server, {"query": NAMES}, someone.token)
    return [node["name"] for node in answer.json()["data"]["departments"]["nodes"]]


async def test_the_first_answer_comes_again_from_every_process(
    standard: Server, elsewhere: Server, someone: Person
) -> None:
    first = await create(standard, someone, "once", "Stores")
    assert first.json()["data"]["createDepartment"]["errors"] == []
    assert "remaining" in first.json()["extensions"]["cost"]
    assert "idempotency-replayed" not in first.headers
    turned = {"input": {"description": "what it is for", "name": "Stores"}}
    for server in (standard, elsewhere):
        again = await send(server, someone, "once", CREATE, **turned)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    assert await names(elsewhere, someone) == ["Stores"]


async def test_another_operation_or_other_variables_are_refused(standard: Server, someone: Person) -> None:
    await create(standard, someone, "mine", "Stores")
    other = await create(standard, someone, "mine", "Tools")
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCY_KEY_REUSED")
    other = await send(standard, someone, "mine", CREATE.replace("path", ""), input={"name": "Stores"})
    assert code(other) == "IDEMPOTENCY_KEY_REUSED"
    assert await names(standard, someone) == ["Stores"]


async def test_a_key_belongs_to_one_person_in_one_organization(
    standard: Server, own_db: Database, own_settings: Settings, someone: Person
) -> None:
    colleague = await identity.person(own_db, own_settings, someone.org_id)
    stranger = await identity.owner(own_db, own_settings)
    for number, person in enumerate((someone, colleague, stranger)):
        answer = await create(standard, person, "shared", f"Department {number}")
        assert answer.json()["data"]["createDepartment"]["errors"] == []
    async with own_db.tenant(someone.org_id, colleague.user_id) as session:
        seen = (await session.execute(text("SELECT user_id FROM idempotency_keys"))).scalars().all()
    assert seen == [colleague.user_id]
    with pytest.raises(DBAPIError, match="permission denied"):
        async with own_db.platform() as session:
            await session.execute(text("SELECT answer FROM idempotency_keys"))


async def test_who_comes_while_the_first_still_runs_gets_its_answer(
    standard: Server, elsewhere: Server, someone: Person, own_db: Database, admin: Connection
) -> None:
    made = (await create(standard, someone, "made", "Stores")).json()["data"]["createDepartment"]["department"]
    change = {"id": made["id"], "expectedVersion": 1, "name": "Stores and tools"}

    async def waiting(count: int) -> None:
        async def found() -> bool:
            return bool(await admin.fetchval(WAITING) == count)

        await until(found)

    async with own_db.tenant(someone.org_id) as session:
        await session.execute(text("SELECT FROM departments FOR UPDATE"))
        asked = [asyncio.create_task(send(standard, someone, "both", UPDATE, input=change))]
        await waiting(1)  # for the department
        asked.append(asyncio.create_task(send(elsewhere, someone, "both", UPDATE, input=change)))
        await waiting(2)  # for the first's key
        asked.append(asyncio.create_task(send(standard, someone, "both", UPDATE, input=change)))
    first, *others = await asyncio.gather(*asked)
    assert first.json()["data"]["updateDepartment"] == {
        "department": {"name": "Stores and tools", "version": 2},
        "errors": [],
    }
    assert [each.content for each in others] == [first.content] * 2


async def test_who_waits_too_long_is_told_to_come_again(
    standard: Server, someone: Person, own_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed, "WAIT_SECONDS", 0.05)
    mine = Claim(someone.org_id, someone.user_id, "slow", b"\0" * 32)
    one = Idempotency(standard.app.platform)
    async with one._turn(mine):
        with pytest.raises(KeyInUseError):
            async with one._turn(mine):
                pass
    async with own_db.tenant(*mine[:2]) as first:
        assert await idempotency.claim(first, mine) is None
        async with own_db.tenant(*mine[:2]) as second:
            await second.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(KeyInUseError) as refused:
                await one._kept(second, mine)
            await second.rollback()
        assert refused.value.code == "CONFLICT"
        assert refused.value.extensions == {"retryAfter": 1}


async def test_what_a_person_must_mend_is_an_answer(standard: Server, someone: Person) -> None:
    await create(standard, someone, "a", "Stores")
    refused = await create(standard, someone, "b", "Stores")
    assert refused.json()["data"]["createDepartment"]["errors"] == [{"code": "TAKEN", "path": ["input", "name"]}]
    again = await create(standard, someone, "b", "Stores")
    assert again.content == refused.content


async def test_what_failed_is_tried_again(standard: Server, someone: Person) -> None:
    made = (await create(standard, someone, "made", "Stores")).json()["data"]["createDepartment"]["department"]
    later = {"id": made["id"], "expectedVersion": 2, "description": "later"}
    assert code(await send(standard, someone, "later", UPDATE, input=later)) == "CONFLICT"
    await send(standard, someone, "now", UPDATE, input={**later, "expectedVersion": 1, "description": "now"})
    done = await send(standard, someone, "later", UPDATE, input=later)
    assert done.json()["data"]["updateDepartment"]["department"]["version"] == 3
    assert (await send(standard, someone, "later", UPDATE, input=later)).content == done.content


async def test_several_mutations_are_done_or_kept_together(
    standard: Server, someone: Person, admin: Connection
) -> None:
    query = """mutation { a: createDepartment(input: {name: "A"}) { department { name } errors { code } }
        twice: createDepartment(input: {name: "a"}) { department { name } errors { code } }
        gone: deleteDepartment(id: "dep_01a1fc69-9d82-7683-8e1a-f6ff0758f1bb", expectedVersion: 1) { deletedId }
        b: createDepartment(input: {name: "B"}) { department { name } errors { code } } }"""
    first = await send(standard, someone, "four", query)
    told = first.json()
    assert [error["path"] for error in told["errors"]] == [["gone"]]
    assert told["data"]["a"]["department"] == {"name": "A"}
    assert told["data"]["twice"]["errors"] == [{"code": "TAKEN"}]
    assert told["data"]["b"]["department"] == {"name": "B"}
    assert (await send(standard, someone, "four", query)).content == first.content
    assert await names(standard, someone) == ["A", "B"]

    async def logged() -> bool:
        query = "SELECT count(*) FROM event_log WHERE org_id = $1 AND type = 'department.created'"
        return bool(await admin.fetchval(query, someone.org_id) == 2)

    await until(logged)


async def test_a_key_lives_for_a_day(standard: Server, own_db: Database, someone: Person, admin: Connection) -> None:
    for name in ("Old", "Older", "New"):
        await create(standard, someone, name, name)
    aged = "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 minute' WHERE key = $1"
    await admin.execute(aged, "Old")
    again = await create(standard, someone, "Old", "Not so old")
    assert again.json()["data"]["createDepartment"]["department"]["name"] == "Not so old"
    await admin.execute(aged, "Older")
    assert await idempotency.sweep(own_db) == 1
    kept = await admin.fetch("SELECT key FROM idempotency_keys WHERE user_id = $1 ORDER BY key", someone.user_id)
    assert [row["key"] for row in kept] == ["New", "Old"]


async def test_only_signed_in_people_have_keys(standard: Server, someone: Person) -> None:
    sign_in = 'mutation { signIn(input: {email: "a@example.com", password: "x"}) { errors { code } } }'
    for person in (None, someone):
        answer = await send(standard, person, "anyone", sign_in)
        assert code(answer) == "BAD_USER_INPUT"
        assert "Idempotency-Key" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ü"])
async def test_a_key_is_visible_ascii(standard: Server, someone: Person, key: str) -> None:
    headers = {b"authorization": f"Bearer {someone.token}".encode(), b"idempotency-key": key.encode()}
    async with httpx.AsyncClient() as client:
        answer = await client.post(standard.graphql, json={"query": NAMES}, headers=headers)
    assert answer.status_code == 400
    assert "visible ASCII" in answer.json()["errors"][0]["message"]


async def test_queries_need_no_key_and_batches_take_none(
    standard: Server, own_settings: Settings, someone: Person
) -> None:
    key = str(uuid7())
    for _ in range(2):
        assert "idempotency-replayed" not in (await send(standard, someone, key, NAMES)).headers
    with application(own_settings, batch_size=5) as batching:
        batch = [{"query": NAMES}]
        answer = await post(batching, batch, someone.token, {"idempotency-key": key})  # type: ignore[arg-type] # a batch
    assert answer.status_code == 400
    assert "one by one" in answer.json()["errors"][0]["message"]
