"""Server-sent events in distinct connections mode, by a real HTTP client."""

import asyncio
import socket as sockets
from datetime import timedelta
from typing import Any

import httpx
import pytest

from graph.app import create_app
from runtime.settings import Settings
from tests.conftest import Server, serving
from tests.edge.conftest import BODY_LIMIT, Person, until
from tests.edge.room import counters, schema
from tests.edge.streams import PATH, streaming
from tests.factories.api import connected

FOREVER = "subscription { ticks(count: 1000000, seconds: 0.01) { number } }"
SILENT = "subscription { ticks(count: 1, seconds: 60) { number } }"
NUMBERS = "subscription ($after: String) { numbers(until: 4, after: $after) { number } }"
SSE = {"accept": "text/event-stream"}


def bearer(person: Person, **life: float) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token(timedelta(**life))}"}


class TestOperations:
    @pytest.mark.parametrize("method", ["POST", "GET"])
    async def test_a_query(self, client: httpx.AsyncClient, method: str) -> None:
        async with streaming(client, "{ __typename }", method=method) as stream:
            first, last = await stream.rest()
        assert (first.name, first.result, first.id) == ("next", {"data": {"__typename": "Query"}}, "")
        assert (last.name, last.data) == ("complete", "")
        assert stream.retry == "1000"
        headers = stream.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-store, no-transform"
        assert headers["x-request-id"]
        assert "content-encoding" not in headers

    async def test_compiled_reads(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, "{ organizations { nodes { name } } }", person.headers) as stream:
            first, _ = await stream.rest()
        assert first.result == {"data": {"organizations": {"nodes": [{"name": "O"}]}}}

    async def test_a_mutation(self, client: httpx.AsyncClient) -> None:
        query = "mutation ($t: String!) { echo(text: $t) { text } }"
        async with streaming(client, query, variables={"t": "a\nb\r\n\nü"}) as stream:
            first, _ = await stream.rest()
        assert first.result == {"data": {"echo": {"text": "a\nb\r\n\nü"}}}

    @pytest.mark.parametrize("method", ["POST", "GET"])
    async def test_a_subscription(self, client: httpx.AsyncClient, person: Person, method: str) -> None:
        query = "subscription { ticks(count: 3) { number } }"
        async with streaming(client, query, person.headers, method=method) as stream:
            *results, last = await stream.rest()
        assert [event.result["data"]["ticks"]["number"] for event in results] == [0, 1, 2]
        assert last.name == "complete"
        assert counters["open"] == 0

    async def test_a_stream_that_fails(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, "subscription { ticks(count: 3, fail: 1) { number } }", person.headers) as stream:
            events = await stream.rest()
        assert events[0].result == {"data": {"ticks": {"number": 0}}}
        assert "INTERNAL" in events[1].data
        assert "secret" not in events[1].data
        assert events[-1].name == "complete"


class TestResuming:
    async def test_ids_are_cursors(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, NUMBERS, person.headers) as stream:
            events = await stream.rest()
        assert [event.id for event in events] == ["n1", "n2", "n3", "n4", "n4"]

    @pytest.mark.parametrize(
        ("after", "last", "expected"),
        [(None, "n2", [3, 4]), ("n1", "n3", [4]), ("n2", "", [3, 4]), (None, "n4", []), ("n3", None, [4])],
    )
    async def test_last_event_id(
        self, client: httpx.AsyncClient, person: Person, after: Any, last: Any, expected: list[int]
    ) -> None:
        headers = person.headers | ({} if last is None else {"last-event-id": last})
        async with streaming(client, NUMBERS, headers, variables={"after": after}) as stream:
            events = await stream.rest()
        assert [event.result["data"]["numbers"]["number"] for event in events[:-1]] == expected

    @pytest.mark.parametrize("last", ["nonsense", "é", "n1, n2"])
    async def test_an_id_that_is_none_of_ours(self, client: httpx.AsyncClient, person: Person, last: str) -> None:
        headers = person.headers | {"last-event-id": last.encode("latin-1")}
        async with streaming(client, NUMBERS, headers) as stream:
            events = await stream.rest()
        assert events[-1].name == "complete"
        assert "errors" in events[0].data

    async def test_it_means_nothing_to_others(self, client: httpx.AsyncClient, person: Person) -> None:
        headers = person.headers | {"last-event-id": "n3"}
        async with streaming(client, "subscription { ticks(count: 1) { number } }", headers) as stream:
            first, _ = await stream.rest()
        assert first.result == {"data": {"ticks": {"number": 0}}}


class TestErrors:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
            ("subscription ($n: Int!) { ticks(count: $n) { number } }", "BAD_USER_INPUT"),
            ("subscription { ticks(count: 1) { number } }", "UNAUTHENTICATED"),
            ("{ organizations { nodes { slug } } }", "UNAUTHENTICATED"),
        ],
    )
    @pytest.mark.parametrize("method", ["POST", "GET"])
    async def test_of_an_operation_are_events(
        self, client: httpx.AsyncClient, query: str, code: str, method: str
    ) -> None:
        async with streaming(client, query, method=method) as stream:
            first, last = await stream.rest()
        assert stream.response.status_code == 200
        assert first.name == "next"
        assert first.result["errors"][0]["extensions"]["code"] == code
        assert last.name == "complete"

    async def test_a_permission_that_is_missing(self, client: httpx.AsyncClient, person: Person) -> None:
        await person.get_roles()
        async with streaming(client, FOREVER, person.headers) as stream:
            first, _ = await stream.rest()
        assert first.result["errors"][0]["extensions"]["code"] == "FORBIDDEN"

    @pytest.mark.parametrize(
        ("body", "headers", "status"),
        [
            (b"", {}, 400),
            (b"[]", {}, 400),
            (b"{", {}, 400),
            (b"{}", {}, 400),
            (b'{"query":5}', {}, 400),
            (b'{"query":"{a}","variables":[]}', {}, 400),
            (b"x" * (BODY_LIMIT + 1), {}, 413),
            (b"{}", {"content-type": "text/plain"}, 415),
            (b"{}", {"content-encoding": "gzip"}, 415),
            (b"{}", {"accept": "application/json"}, 406),
            (b"{}", {"accept": "text/event-stream;q=0, */*"}, 406),
            (b'{"query":"{__typename}"}', {"accept": "text/*"}, 200),
            (b'{"query":"{__typename}"}', {"accept": "*/*"}, 200),
            (b"{}", {"authorization": "Basic x"}, 400),
            (b'{"query":"{__typename}"}', {"authorization": "Basic x"}, 401),
            (b'{"query":"{__typename}"}', {"authorization": "Bearer x"}, 401),
        ],
    )
    async def test_of_the_request_are_statuses(
        self, client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
    ) -> None:
        given = {"content-type": "application/json"} | SSE | headers
        answer = await client.post(PATH, content=body, headers=given)
        assert answer.status_code == status
        if status != 200:
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
            assert answer.json()["errors"][0]["extensions"]["code"]
        assert ("www-authenticate" in answer.headers) == (status == 401)

    async def test_a_get_runs_no_mutation(self, client: httpx.AsyncClient) -> None:
        before = counters["bumped"]
        answer = await client.get(PATH, params={"query": 'mutation { echo(text: "x") { text } }'}, headers=SSE)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert counters["bumped"] == before

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
    async def test_other_methods(self, client: httpx.AsyncClient, method: str) -> None:
        answer = await client.request(method, PATH, headers=SSE)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")

    async def test_other_origins(self, client: httpx.AsyncClient) -> None:
        origin = {"origin": "https://app.example"}
        answer = await client.options(PATH, headers=origin)
        assert answer.status_code == 204
        assert "last-event-id" in answer.headers["access-control-allow-headers"]
        async with streaming(client, "{ __typename }", origin) as stream:
            assert stream.response.headers["access-control-allow-origin"] == "https://app.example"
            await stream.rest()


class TestEnds:
    async def test_a_silent_stream_is_kept_alive(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, SILENT, person.headers) as stream:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await stream.event()
            assert 2 <= len(stream.comments) <= 6
        await until(lambda: counters["open"] == 0)

    async def test_a_client_that_leaves(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, FOREVER, person.headers) as stream:
            assert await stream.event()
        await until(lambda: counters["open"] == 0)

    async def test_a_token_that_expires(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, FOREVER, bearer(person, seconds=1.5)) as stream:
            *_, last, complete = await stream.rest()
        assert last.result["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "expired" in last.result["errors"][0]["message"]
        assert complete.name == "complete"
        assert counters["open"] == 0

    async def test_a_session_that_is_revoked(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, SILENT, person.headers) as stream:
            await until(lambda: counters["open"] == 1)
            await person.sign_out()
            last, complete = await stream.rest()
        assert last.result["errors"][0]["message"] == "The session has ended; sign in again."
        assert complete.name == "complete"
        assert counters["open"] == 0

    async def test_permissions_that_are_lost(self, client: httpx.AsyncClient, person: Person) -> None:
        async with streaming(client, SILENT, person.headers) as stream:
            await until(lambda: counters["open"] == 1)
            await person.get_roles("OWNER", "VIEWER")
            await person.get_roles("VIEWER")
            last, _ = await stream.rest()
        assert last.result["errors"][0]["extensions"]["code"] == "FORBIDDEN"

    async def test_a_client_that_stops_reading(self, edge: Server, person: Person) -> None:
        """It fills the buffers of the kernel and one event of ours, then it is dropped."""
        host, _, port = edge.url.removeprefix("http://").partition(":")
        body = b'{"query":"subscription { ticks(count: 100000, size: 100000) { text } }"}'
        before = counters["yielded"]
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        head = [
            f"POST {PATH} HTTP/1.1",
            f"Host: {host}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Authorization: {person.headers['Authorization']}",
        ]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        await reader.read(64)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport reads as well
        await until(lambda: counters["open"] == 1)
        await until(lambda: counters["open"] == 0, seconds=15)
        assert counters["yielded"] - before < 500
        writer.transport.abort()

    async def test_a_server_that_stops(self, edge_settings: Settings, person: Person) -> None:
        """The stream ends at once and without `complete`: clients then connect again."""
        bound = sockets.create_server(("127.0.0.1", 0))
        async with asyncio.timeout(20):
            with bound:
                running = serving(create_app(edge_settings, schema()), bound)
                server = await asyncio.to_thread(running.__enter__)
                async with (
                    connected(server.url) as client,
                    streaming(client, SILENT, person.headers) as stream,
                ):
                    await until(lambda: counters["open"] == 1)
                    stopped = asyncio.create_task(asyncio.to_thread(running.__exit__, None, None, None))
                    events = await stream.rest()
                    await stopped
        assert events == []
        assert "restarts" in stream.comments[-1]
        assert counters["open"] == 0
