"""Batches: off unless configured, one after the other, and no way around a limit."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from db.session import Database
from domain.operations import digest
from graph.batches import Batches
from graph.operations import Caller, OperationRequest, Outcome
from runtime.settings import Settings
from tests.conftest import Server
from tests.factories.identity import Person
from tests.operations.conftest import application, post

GRAPHQL = {"accept": "application/graphql-response+json"}
NAMES = "{ departments { nodes { name } } }"
CREATE = "mutation ($name: String!) { createDepartment(input: {name: $name}) { department { name } errors { code } } }"


@pytest.fixture(scope="module")
def batching(own_settings: Settings) -> Iterator[Server]:
    with application(own_settings, batch_size=5, cost_in_answers=False) as running:
        yield running


async def send(server: Server, batch: Any, someone: Person | None = None, **headers: str) -> httpx.Response:
    return await post(server, batch, someone.token if someone else None, headers)


async def test_off_unless_configured(standard: Server, someone: Person) -> None:
    answer = await send(standard, [{"query": NAMES}], someone)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith("Batching is off")


async def test_answers_come_in_order_and_each_sees_what_went_before(batching: Server, someone: Person) -> None:
    batch: list[dict[str, Any]] = []
    for name in ("a", "b"):
        batch += [{"query": CREATE, "variables": {"name": name}}, {"query": NAMES}]
    answer = await send(batching, [*batch, {"query": "{ nope }"}], someone)
    assert answer.status_code == 200
    first, after_first, second, after_second, refused = answer.json()
    assert [each["data"]["createDepartment"]["department"]["name"] for each in (first, second)] == ["a", "b"]
    assert after_first["data"]["departments"]["nodes"] == [{"name": "a"}]
    assert after_second["data"]["departments"]["nodes"] == [{"name": "a"}, {"name": "b"}]
    assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_hashes_work_in_batches(batching: Server, someone: Person) -> None:
    query = "query Batched { departments { totalCount } }"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest(query)}}
    answer = await send(batching, [{"query": query, "extensions": extensions}, {"extensions": extensions}], someone)
    assert [each["data"]["departments"] for each in answer.json()] == [{"totalCount": 0}] * 2


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ([], "The batch is empty"),
        ([{"query": "{__typename}"}] * 6, "The batch holds 6 operations; send at most 5"),
        ([{"query": "{__typename}"}, 5], "Operation 1 of the batch: it is a number"),
        ([{"query": "{__typename}"}, {}], "Operation 1 of the batch: 'query' is missing"),
        ([[{"query": "{__typename}"}]], "Operation 0 of the batch: it is an array"),
    ],
)
async def test_what_is_malformed_is_refused_as_a_whole(batching: Server, batch: Any, says: str) -> None:
    answer = await send(batching, batch, **GRAPHQL)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["message"].startswith(says)


async def test_subscriptions_are_refused_one_by_one(batching: Server, someone: Person) -> None:
    stream, query = {"query": "subscription { events { cursor } }"}, {"query": "{ __typename }"}
    refused, answered = (await send(batching, [stream, query], someone)).json()
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answered == {"data": {"__typename": "Query"}}


async def test_without_a_token_only_what_is_public(batching: Server) -> None:
    refused, answered = (await send(batching, [{"query": NAMES}, {"query": "{ __typename }"}])).json()
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert answered == {"data": {"__typename": "Query"}}


async def test_together_they_cost_no_more_than_one_may(
    batching: Server, own_db: Database, own_settings: Settings, someone: Person
) -> None:
    """And what is too much is not begun."""
    async with own_db.platform() as session:
        await session.execute(text("UPDATE organizations SET plan = 'FREE' WHERE id = :id"), {"id": someone.org_id})
    large = "{ departments(first: 100) { nodes { members(first: 60) { nodes { user { name } } } } } }"
    assert "errors" not in (await send(batching, [{"query": large}], someone)).json()[0]
    create = {"query": CREATE, "variables": {"name": "never"}}
    answer = await send(batching, [create, *[{"query": large}] * 4], someone, **GRAPHQL)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    [shown] = (await send(batching, [{"query": NAMES}], someone)).json()
    assert shown["data"]["departments"]["nodes"] == []


async def test_other_requests_have_their_turn_between_operations() -> None:
    """However long each of them keeps the process busy."""
    turns, seen = 0, []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def price(*_: Any) -> int:
        seen.append(turns)
        return 0

    async def execute(*_: Any) -> Outcome:
        seen.append(turns)
        return Outcome(b"{}")

    account = SimpleNamespace(check_price=lambda _price: None)
    engine = SimpleNamespace(throttle=SimpleNamespace(account=lambda _caller: account), price=price, execute=execute)
    platform: Any = SimpleNamespace(engine=engine, settings=SimpleNamespace(batch_size=3))
    task = asyncio.create_task(others())
    await Batches(platform).execute([OperationRequest("{ a }")] * 3, Caller(None))
    task.cancel()
    assert len(set(seen)) == 6


async def test_one_too_many_within_the_minute_is_429(own_settings: Settings, someone: Person) -> None:
    with application(own_settings, batch_size=5, rate_limit_factor=0.0001) as strict:
        answer = await send(strict, [{"query": NAMES}] * 5, someone)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()[-1]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
