"""Automatic persisted queries, as Apollo clients speak them."""

import asyncio
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from graph import persisted as persisted_module
from graph.operations import OperationRequest
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories.api import connected
from tests.factories.events import until
from tests.factories.identity import Person
from tests.operations.conftest import application, code, post

NUMBERS = iter(range(1_000_000))


@pytest.fixture
def query() -> str:
    """A query that nobody sent before."""
    return f"query Mine {{ a{next(NUMBERS)}: organization {{ name }} }}"


def persisted(text: str, version: int = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": sha256(text.encode()).hexdigest()}}


async def test_a_hash_is_learnt_once(standard: Server, someone: Person, query: str) -> None:
    by_hash = {"extensions": persisted(query)}
    first = await post(standard, by_hash, someone.token)
    assert (first.status_code, code(first)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert first.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    second = await post(standard, by_hash | {"query": query}, someone.token)
    assert "errors" not in second.json()
    third = await post(standard, by_hash, someone.token)
    assert third.json()["data"] == second.json()["data"]


async def test_by_get_and_over_a_socket(standard: Server, someone: Person, query: str) -> None:
    await post(standard, {"query": query, "extensions": persisted(query)}, someone.token)
    async with connected() as client:
        got = await client.get(
            standard.graphql,
            params={"extensions": json.dumps(persisted(query))},
            headers={"authorization": f"Bearer {someone.token}"},
        )
    assert "errors" not in got.json()
    async with opened(standard) as socket:
        await socket.init({"authorization": f"Bearer {someone.token}"})
        payload = {"extensions": persisted(query)}
        await socket.send({"id": "1", "type": "subscribe", "payload": payload})
        [answer, end] = await socket.all_of("1")
        assert answer["payload"]["data"] == got.json()["data"]
        assert end["type"] == "complete"
        await socket.send({"id": "2", "type": "subscribe", "payload": {"extensions": persisted(query + " ")}})
        [error] = await socket.all_of("2")
        assert error["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_mutation_by_hash_is_still_no_get(standard: Server) -> None:
    text = "mutation Out { signOut { errors { code } } }"
    await post(standard, {"query": text, "extensions": persisted(text)})
    async with connected() as client:
        got = await client.get(standard.graphql, params={"extensions": json.dumps(persisted(text))})
    assert got.status_code == 405


@pytest.mark.parametrize(
    ("extension", "says"),
    [
        ({"version": 2, "sha256Hash": "0" * 64}, "version"),
        ({"version": 1, "sha256Hash": "0" * 63}, "64"),
        ({"version": 1, "sha256Hash": "0" * 64}, "does not match"),
        ({"version": 1}, "64"),
        (["x"], "object"),
    ],
)
async def test_what_is_malformed_is_explained(standard: Server, query: str, extension: Any, says: str) -> None:
    answer = await post(standard, {"query": query, "extensions": {"persistedQuery": extension}})
    assert code(answer) == "BAD_USER_INPUT"
    assert says in answer.json()["errors"][0]["message"]


async def test_an_invalid_document_is_not_kept(standard: Server, someone: Person) -> None:
    text = f"{{ nonsense{next(NUMBERS)} }}"
    body = {"query": text, "extensions": persisted(text)}
    assert code(await post(standard, body, someone.token)) == "GRAPHQL_VALIDATION_FAILED"
    assert code(await post(standard, {"extensions": persisted(text)}, someone.token)) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_known_hash_still_needs_authentication_and_permission(
    standard: Server, someone: Person, query: str
) -> None:
    await post(standard, {"query": query, "extensions": persisted(query)}, someone.token)
    by_hash = {"extensions": persisted(query)}
    assert code(await post(standard, by_hash)) == "UNAUTHENTICATED"
    assert (await post(standard, by_hash, "nonsense")).status_code == 401


@pytest.fixture(scope="module")
def second(own_settings: Settings) -> Iterator[Server]:
    with application(own_settings) as running:
        yield running


async def test_processes_share_what_they_learnt(standard: Server, second: Server, someone: Person, query: str) -> None:
    body = {"query": query, "extensions": persisted(query)}
    await post(standard, body, someone.token)

    async def known() -> bool:
        # A hash that was missed a moment ago is not looked for again at once.
        answer = await post(second, {"extensions": persisted(query)}, someone.token)
        return "errors" not in answer.json()

    await until(known)


async def test_who_is_not_signed_in_shares_nothing(standard: Server, second: Server) -> None:
    text = f"query N{next(NUMBERS)} {{ __typename }}"
    body = {"query": text, "extensions": persisted(text)}
    await post(standard, body)
    assert "errors" not in (await post(standard, {"extensions": persisted(text)})).json()
    assert code(await post(second, {"extensions": persisted(text)})) == "PERSISTED_QUERY_NOT_FOUND"


async def test_without_the_store_processes_learn_for_themselves(
    own_settings: Settings, someone: Person, query: str
) -> None:
    with application(own_settings, redis_url="redis://127.0.0.1:1/0") as lonely:
        by_hash = {"extensions": persisted(query)}
        assert code(await post(lonely, by_hash, someone.token)) == "PERSISTED_QUERY_NOT_FOUND"
        assert "errors" not in (await post(lonely, by_hash | {"query": query}, someone.token)).json()
        assert "errors" not in (await post(lonely, by_hash, someone.token)).json()


async def test_they_can_be_switched_off(own_settings: Settings, someone: Person, query: str) -> None:
    with application(own_settings, persisted_queries=False) as plain:
        answer = await post(plain, {"query": query, "extensions": persisted(query)}, someone.token)
        assert code(answer) == "PERSISTED_QUERY_NOT_SUPPORTED"
        assert answer.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
        assert "errors" not in (await post(plain, {"query": query}, someone.token)).json()


async def test_nobody_fills_the_store(
    own_settings: Settings, second: Server, someone: Person, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document may be padded for nothing, and everybody who is signed in may register as many as they can send."""
    monkeypatch.setattr(persisted_module, "SHARED_CHARACTERS", 2_000)
    padded = [query + " " * (1_500 + number) for number in range(3)]
    with application(own_settings) as first:
        for text in (*padded, query):
            assert (
                "errors"
                not in (await post(first, {"query": text, "extensions": persisted(text)}, someone.token)).json()
            )

    async def known(text: str) -> bool:
        return "errors" not in (await post(second, {"extensions": persisted(text)}, someone.token)).json()

    await until(lambda: known(query))
    assert [await known(text) for text in padded] == [True, False, False]


async def test_a_document_that_many_ask_for_at_once_counts_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"query Q{number} {{ __typename }}" for number in range(2)]
    monkeypatch.setattr(persisted_module, "KEPT_CHARACTERS", 3 * len(texts[0]))
    asked = []

    class Registered:
        async def fetchrow(self, _sql: str, arguments: list[str], _scope: Any) -> tuple[str]:
            asked.append(arguments[0])
            await asyncio.sleep(0)
            return ({sha256(text.encode()).hexdigest(): text for text in texts}[arguments[0]],)

    reads: Any = Registered()
    documents = persisted_module.Documents(settings, reads, None)
    first, second = (OperationRequest("", extensions=persisted(text)) for text in texts)
    assert await asyncio.gather(*(documents.text(first) for _ in range(5))) == [texts[0]] * 5
    assert await documents.text(second) == texts[1]
    before = len(asked)
    assert await documents.text(first) == texts[0]
    assert len(asked) == before
