"""Conditional GET: a client that has the answer gets 304, and never an older answer than a plain GET would give."""

import httpx
import pytest
from sqlalchemy import text

from db.events import outbox
from graph.answers import is_known
from tests.edge.conftest import Person
from tests.factories.events import event, until

NAMES = {"query": "{ organizations { nodes { name } } }"}
GRAPHQL = "application/graphql-response+json"


async def test_an_unchanged_answer_is_304(client: httpx.AsyncClient, person: Person) -> None:
    first = await client.get("/graphql", params=NAMES, headers=person.headers)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "accept, accept-encoding, authorization"
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await client.get("/graphql", params=NAMES, headers=person.headers | {"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "private, no-cache"
        assert "content-length" not in again.headers


async def test_a_change_is_seen_at_once(client: httpx.AsyncClient, person: Person) -> None:
    """Before its event is numbered: the answer itself makes the tag."""
    first = await client.get("/graphql", params=NAMES, headers=person.headers)
    async with person.db.tenant(person.org_id, person.user_id) as session:
        await session.execute(text("UPDATE organizations SET name = 'Other' WHERE id = :id"), {"id": person.org_id})
        outbox.record(session, event(person.org_id))
    known = {"if-none-match": first.headers["etag"]}
    second = await client.get("/graphql", params=NAMES, headers=person.headers | known)
    assert second.status_code == 200
    assert second.json()["data"]["organizations"]["nodes"] == [{"name": "Other"}]
    assert second.headers["etag"] != first.headers["etag"]


async def test_who_may_not_any_more_learns_nothing(client: httpx.AsyncClient, person: Person) -> None:
    first = await client.get("/graphql", params=NAMES, headers=person.headers)
    known = person.headers | {"if-none-match": first.headers["etag"], "accept": GRAPHQL}

    async def told(status: int) -> bool:
        """Processes hear of it a moment after the commit."""
        return (await client.get("/graphql", params=NAMES, headers=known)).status_code == status

    await person.get_roles()
    await until(lambda: told(403))
    await person.sign_out()
    await until(lambda: told(401))
    assert (await client.get("/graphql", params=NAMES, headers={"if-none-match": "*"})).status_code == 200


async def test_media_types_have_tags_of_their_own(client: httpx.AsyncClient) -> None:
    tags = set()
    for accept in ("application/json", GRAPHQL):
        answer = await client.get("/graphql", params={"query": "{__typename}"}, headers={"accept": accept})
        tags.add(answer.headers["etag"])
    assert len(tags) == 2


@pytest.mark.parametrize("query", ["{", "{ nope }", "{ organizations { nodes { name } } }"])
async def test_refusals_are_not_kept(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get("/graphql", params={"query": query}, headers={"if-none-match": "*"})
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert answer.json()["errors"]


async def test_a_post_is_not_kept(client: httpx.AsyncClient) -> None:
    answer = await client.post("/graphql", json={"query": "{__typename}"}, headers={"if-none-match": "*"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), (b"", False), (b'"a"', True), (b'W/"a"', True), (b'"b", W/"a"', True), (b"a", False)],
)
def test_if_none_match(header: bytes | None, known: bool) -> None:
    assert is_known(b'W/"a"', header) is known
