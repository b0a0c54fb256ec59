"""Cost in answers, budgets by plan, operations at once."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from time import perf_counter
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from db.session import Database
from domain.context import Actor
from domain.identity.revocation import Scope, announce
from domain.identity.rules.plans import ALLOWANCES
from graph.operations import Caller
from graph.throttling import LEASES_A_MINUTE, Throttle, TooFastError, remaining, seconds_until
from runtime import hints
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories.events import until
from tests.factories.identity import Person, actor
from tests.operations.conftest import application, code, post

STANDARD = ALLOWANCES["STANDARD"]
ONE = "{ organization { name } }"
THIRTY = "{ aircraftList(first: 20) { nodes { id registration status } } }"


def cost(answer: Any) -> dict[str, int]:
    found: dict[str, int] = answer.json()["extensions"]["cost"]
    return found


async def test_every_answer_tells_its_cost(standard: Server, someone: Person) -> None:
    first = cost(await post(standard, {"query": ONE}, someone.token))
    assert first["limit"] == STANDARD.actor
    assert 0 < first["requested"] < 10
    second = cost(await post(standard, {"query": ONE}, someone.token))
    assert first["remaining"] - second["remaining"] == second["requested"]


async def test_cost_grows_with_what_may_be_returned(standard: Server, someone: Person) -> None:
    async def price(query: str, **variables: Any) -> int:
        answer = await post(standard, {"query": query, "variables": variables}, someone.token)
        assert "errors" not in answer.json(), answer.text
        return cost(answer)["requested"]

    page = "query($n: Int) { aircraftList(first: $n) { nodes { id registration } } }"
    assert await price(page, n=10) < await price(page, n=20) <= 2 * await price(page, n=10)
    nested = "{ aircraftList(first: 10) { nodes { utilisation(first: 10) { nodes { id } } } } }"
    assert await price(nested) > 10 * await price("{ aircraftList(first: 10) { nodes { id } } }")
    assert await price("{ aircraftList { totalCount } }") > await price("{ organization { id } }")
    assert await price("{ __schema { types { name } } }") > 500
    assert await price('mutation { createDepartment(input: {name: "D"}) { errors { code } } }') > 20
    ids = [f"ac_{someone.org_id}"] * 40
    assert await price("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids) > 10 * await price(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids[:1]
    )


async def test_cost_on_request_only(own_settings: Settings, someone: Person) -> None:
    with application(own_settings, cost_in_answers=False) as quiet:
        assert "extensions" not in (await post(quiet, {"query": ONE}, someone.token)).json()
        asked = await post(quiet, {"query": ONE}, someone.token, {"x-cost": "1"})
        assert cost(asked)["requested"] > 0


async def test_one_operation_may_not_cost_too_much(standard: Server, own_db: Database, someone: Person) -> None:
    async with own_db.platform() as session:
        await session.execute(text("UPDATE organizations SET plan = 'FREE' WHERE id = :id"), {"id": someone.org_id})
        await announce(session, Scope.ORGANIZATION, someone.org_id)
    big = """{ aircraftList(first: 100) { nodes { utilisation(first: 100) { nodes { id kind flownOn minutes
        cycles note createdAt reporter { id name } } } } } }"""

    async def is_free() -> bool:
        # The plan travels with the actor, whom the server decides anew.
        answer = await post(standard, {"query": big}, someone.token)
        return "errors" in answer.json() and code(answer) == "COST_LIMIT_EXCEEDED"

    await until(is_free)
    error = (await post(standard, {"query": big}, someone.token)).json()["errors"][0]
    assert error["extensions"]["cost"]["limit"] == ALLOWANCES["FREE"].operation


@pytest.fixture(scope="module")
def strict(own_settings: Settings) -> Iterator[Server]:
    """A minute's budget of 300 points for a person."""
    with application(own_settings, rate_limit_factor=0.001) as running:
        yield running


async def exhaust(server: Server, token: str) -> Any:
    """Asks until it is refused; answers the refusal and how much was admitted."""
    spent = 0
    for _ in range(30):
        answer = await post(server, {"query": THIRTY}, token, {"accept": "application/graphql-response+json"})
        if "errors" in answer.json():
            return answer, spent
        spent += cost(answer)["requested"]
    raise AssertionError("never refused")


async def test_a_spent_budget_is_refused(strict: Server, someone: Person) -> None:
    answer, spent = await exhaust(strict, someone.token)
    assert (answer.status_code, code(answer)) == (429, "RATE_LIMITED")
    seconds = answer.json()["errors"][0]["extensions"]["retryAfter"]
    assert answer.headers["retry-after"] == str(seconds)
    assert 1 <= seconds <= 120
    # Parsing the document was paid by its tokens, and what is left is less than one more costs.
    assert 230 <= spent <= 300
    plain = await post(strict, {"query": THIRTY}, someone.token)
    assert plain.status_code == 429
    async with opened(strict) as socket:
        await socket.init({"authorization": f"Bearer {someone.token}"})
        await socket.subscribe("1", THIRTY)
        [error] = await socket.all_of("1")
        assert error["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_processes_share_a_budget(
    strict: Server, own_settings: Settings, own_db: Database, someone: Person
) -> None:
    await exhaust(strict, someone.token)
    with application(own_settings, rate_limit_factor=0.001) as second:
        answer, spent = await exhaust(second, someone.token)
        assert spent < 60, answer.text


async def test_a_known_hash_is_no_way_around(strict: Server, someone: Person) -> None:
    persisted = {"version": 1, "sha256Hash": sha256(THIRTY.encode()).hexdigest()}
    hashed = {"extensions": {"persistedQuery": persisted}}
    assert "errors" not in (await post(strict, hashed | {"query": THIRTY}, someone.token)).json()
    await exhaust(strict, someone.token)
    assert code(await post(strict, hashed, someone.token)) == "RATE_LIMITED"


def caller(org: str, user: str = "1", plan: str = "STANDARD") -> Caller:
    from uuid import UUID

    return Caller(Actor(UUID(int=int(org)), UUID(int=int(user)), frozenset(), plan=plan))


@pytest.fixture
async def redis(own_settings: Settings) -> Any:
    client = hints.connect(own_settings.redis_url)
    yield client
    await client.aclose()


async def admitted(throttle: Throttle, who: Caller, cost: int, most: int) -> int:
    account = throttle.account(who)
    for count in range(most):
        try:
            await throttle.pay(account, cost)
        except TooFastError:
            return count * cost
    return most * cost


async def test_an_organization_has_a_budget_of_its_own(own_settings: Settings, redis: Redis) -> None:
    throttle = Throttle(own_settings, redis)
    total = 0
    for person in range(1, 8):
        total += await admitted(throttle, caller("77", str(person)), 3_000, 1_000)
    assert STANDARD.organization * 0.95 <= total <= STANDARD.organization
    assert await admitted(throttle, caller("78"), 3_000, 1) == 3_000


async def test_processes_together_admit_no_more_than_the_limit(own_settings: Settings, redis: Redis) -> None:
    """Four processes hammer at once: leases are paid before they are spent."""
    throttles = [Throttle(own_settings, redis) for _ in range(4)]
    spent = await asyncio.gather(*(admitted(each, caller("79"), 500, 10_000) for each in throttles))
    assert STANDARD.actor * (1 - 4 / LEASES_A_MINUTE) <= sum(spent) <= STANDARD.actor


async def test_without_redis_requests_go_on(own_settings: Settings) -> None:
    away = hints.connect("redis://127.0.0.1:1/0")
    throttle = Throttle(own_settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}), away)
    assert await admitted(throttle, caller("80"), 10_000, 100) == 1_000_000
    await away.aclose()


async def test_a_hit_asks_nobody(own_settings: Settings, redis: Redis) -> None:
    throttle = Throttle(own_settings, redis)
    account = throttle.account(caller("81"))
    await throttle.pay(account, 1)
    assert all(throttle.spend(account, 1, perf_counter()) for _ in range(1_000))


async def test_operations_at_once_are_limited(own_db: Database, own_settings: Settings, someone: Person) -> None:
    from graph.context import Platform
    from graph.operations import OperationRequest

    platform = Platform(own_settings)
    who = Caller(await actor(own_db, someone))
    outcomes = await asyncio.gather(
        *(platform.engine.execute(OperationRequest(ONE), who) for _ in range(STANDARD.parallel + 5))
    )
    refused = [outcome for outcome in outcomes if outcome.status == 429]
    assert len(refused) == 5
    assert b"operations of yours run" in refused[0].body
    assert (await platform.engine.execute(OperationRequest(ONE), who)).status == 200
    await platform.close()


@pytest.mark.parametrize(
    ("window", "cost", "left", "wait"),
    [
        ((0, 0.0, 0, 0.0), 10, 100, 0.0),
        ((100, 30.0, 50, 90.0), 10, 0, 6.0),
        ((0, 0.0, 100, 100.0), 10, 0, 46.0),
        ((0, 0.0, 100, 60.0), 100, 0, 60.0),
    ],
)
def test_when_there_will_be_room(window: Any, cost: int, left: int, wait: float) -> None:
    assert remaining(100, window) == left
    assert seconds_until(100, cost, window) == pytest.approx(wait)
