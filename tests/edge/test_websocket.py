"""graphql-transport-ws, by a real client: every close code, every kind of operation, and what must end a socket."""

import asyncio
import json
import socket as sockets
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from graph.app import create_app
from runtime.settings import Settings
from tests.conftest import Server, serving
from tests.edge.conftest import BODY_LIMIT, Person, until
from tests.edge.room import counters, schema
from tests.edge.sockets import PROTOCOL, Socket, opened

TYPENAME = "{__typename}"
FOREVER = "subscription { ticks(count: 1000000, seconds: 0.01) { number } }"


def bearer(person: Person, **life: float) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token(timedelta(**life))}" if life else person.headers["Authorization"]}


def subscribe(payload: Any, identifier: Any = "1") -> dict[str, Any]:
    return {"id": identifier, "type": "subscribe", "payload": payload}


class TestHandshake:
    async def test_negotiates(self, edge: Server) -> None:
        async with opened(edge, "graphql-ws", PROTOCOL) as socket:
            assert socket.connection.subprotocol == PROTOCOL
            assert socket.connection.response is not None
            assert socket.connection.response.headers["x-request-id"]
            await socket.init()

    async def test_4406_without_the_subprotocol(self, edge: Server) -> None:
        async with connect(edge.ws) as connection:
            code, reason = await Socket(connection).closed()
        assert (code, reason) == (4406, "Ask for the subprotocol graphql-transport-ws.")

    async def test_other_paths_are_404(self, edge: Server) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with opened(edge, path="/nope"):
                pass
        assert refused.value.response.status_code == 404
        assert b"connect to /graphql" in refused.value.response.body

    async def test_4408_without_connection_init(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.send({"type": "ping"})
            assert await socket.receive() == {"type": "pong"}
            assert await socket.closed() == (4408, "No connection_init came within 1 s.")

    async def test_4429_for_a_second_init(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.init()
            await socket.send({"type": "connection_init"})
            assert (await socket.closed())[0] == 4429

    @pytest.mark.parametrize("payload", [None, {}, {"other": [1]}, {"authorization": None}])
    async def test_a_token_is_not_needed(self, edge: Server, payload: Any) -> None:
        async with opened(edge) as socket:
            await socket.send({"type": "connection_init", "payload": payload})
            assert await socket.receive() == {"type": "connection_ack"}

    @pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
    async def test_a_token_is_taken(self, edge: Server, person: Person, name: str) -> None:
        async with opened(edge) as socket:
            await socket.init({name: f"Bearer {person.token()}"})
            await socket.subscribe("1", "{ organizations { nodes { name } } }")
            assert (await socket.all_of("1"))[0]["payload"] == {"data": {"organizations": {"nodes": [{"name": "O"}]}}}

    @pytest.mark.parametrize("value", ["Bearer x", "Bearer", "x", "Basic x", "Bearer é", ""])
    async def test_4403_for_a_bad_token(self, edge: Server, value: str) -> None:
        async with opened(edge) as socket:
            await socket.send({"type": "connection_init", "payload": {"authorization": value}})
            code, reason = await socket.closed()
        assert code == 4403
        assert reason

    async def test_4403_for_an_expired_token(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.send({"type": "connection_init", "payload": bearer(person, minutes=-1)})
            assert await socket.closed() == (4403, "The access token has expired; refresh it or sign in again.")


class TestMessages:
    @pytest.mark.parametrize(
        ("message", "part"),
        [
            ("", "not valid JSON"),
            ("{", "not valid JSON"),
            ("5", "a number"),
            ("null", "null"),
            ("[]", "an array"),
            ('"ping"', "a string"),
            ("{}", "'type' is null"),
            ('{"type":1}', "'type' is a number"),
            ('{"type":"connection_ack"}', "connection_ack"),
            ('{"type":"next","id":"1","payload":{}}', "next"),
            ('{"type":"start","id":"1"}', "start"),
            ('{"type":"' + "é" * 500 + '"}', "é"),
            ('{"type":"connection_init","payload":"x"}', "a string"),
            ('{"type":"connection_init","payload":[1]}', "an array"),
            ('{"type":"connection_init","payload":{"authorization":1}}', "authorization"),
            ('{"type":"connection_init","payload":{"authorization":"a","Authorization":"b"}}', "authorization"),
            ('{"type":"ping","payload":5}', "a number"),
            ('{"type":"pong","payload":"x"}', "a string"),
            ('{"type":"complete"}', "'id' is null"),
            ('{"type":"complete","id":7}', "'id' is a number"),
            ('{"type":"subscribe","payload":{"query":"{a}"}}', "'id' is null"),
            ('{"type":"subscribe","id":1,"payload":{"query":"{a}"}}', "'id' is a number"),
            ('{"type":"subscribe","id":"","payload":{"query":"{a}"}}', "1 to 256"),
            ('{"type":"subscribe","id":"' + "i" * 300 + '","payload":{"query":"{a}"}}', "1 to 256"),
            ('{"type":"subscribe","id":"1"}', "payload"),
            ('{"type":"subscribe","id":"1","payload":"{a}"}', "payload"),
            ('{"type":"subscribe","id":"1","payload":{}}', "'query' is missing"),
            ('{"type":"subscribe","id":"1","payload":{"query":5}}', "'query' is a number"),
            ('{"type":"subscribe","id":"1","payload":{"query":""}}', "'query' is empty"),
            ('{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}', "'variables' is an array"),
            ('{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":"{}"}}', "'variables' is a string"),
            ('{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":5}}', "'operationName'"),
            ('{"type":"subscribe","id":"1","payload":{"query":"{a}","extensions":5}}', "'extensions'"),
            ("[" * 5000, "deeply"),
            (b'{"type":"ping"}', "Binary"),
            (b"\xff", "Binary"),
        ],
    )
    async def test_4400(self, edge: Server, message: str | bytes, part: str) -> None:
        async with opened(edge) as socket:
            await socket.send(message)
            code, reason = await socket.closed()
        assert code == 4400
        assert part in reason
        assert 0 < len(reason.encode()) <= 123

    async def test_text_that_is_not_utf8_is_1007(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.connection.send(b"\xff\xfe", text=True)
            code, reason = await socket.closed()
        assert code == 1007
        assert "UTF-8" in reason

    async def test_too_large_is_1009(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.send({"type": "ping", "payload": {"x": "y" * BODY_LIMIT}})
            assert await socket.closed() == (
                1009,
                f"The message is larger than {BODY_LIMIT} bytes; send less at once.",
            )

    async def test_4401_before_the_acknowledgement(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.subscribe("1", TYPENAME)
            assert (await socket.closed())[0] == 4401

    async def test_4409_for_an_id_in_use(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("ü" * 200, FOREVER)
            await socket.subscribe("ü" * 200, TYPENAME)
            code, reason = await socket.closed()
        assert code == 4409
        assert reason.startswith("Subscriber for ü")
        assert reason.endswith("…")

    async def test_ping_and_pong(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.send({"type": "pong"})
            await socket.send({"type": "pong", "payload": {"a": 1}})
            await socket.send({"type": "ping", "payload": None})
            assert await socket.receive() == {"type": "pong"}
            await socket.send({"type": "ping", "payload": {"at": [1, "ü"]}})
            assert await socket.receive() == {"type": "pong", "payload": {"at": [1, "ü"]}}


class TestOperations:
    async def test_queries_and_mutations(self, edge: Server) -> None:
        async with opened(edge) as socket:
            await socket.init()
            await socket.subscribe("q", TYPENAME)
            assert await socket.all_of("q") == [
                {"id": "q", "type": "next", "payload": {"data": {"__typename": "Query"}}},
                {"id": "q", "type": "complete"},
            ]
            await socket.subscribe("q", "mutation($t: String!) { echo(text: $t) { text } }", variables={"t": "ü"})
            assert (await socket.all_of("q"))[0]["payload"] == {"data": {"echo": {"text": "ü"}}}

    async def test_a_subscription(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe('odd "id"', "subscription { ticks(count: 3) { number } }")
            messages = await socket.all_of('odd "id"')
        assert [m["payload"]["data"]["ticks"]["number"] for m in messages[:-1]] == [0, 1, 2]
        assert messages[-1] == {"id": 'odd "id"', "type": "complete"}
        assert counters["open"] == 0

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
            ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
            ({"query": "query($a: Int!) { __typename @include(if: $a) }"}, "GRAPHQL_VALIDATION_FAILED"),
            ({"query": "mutation($t: String!) { echo(text: $t) { text } }"}, "BAD_USER_INPUT"),
            ({"query": "query A {__typename}", "operationName": "B"}, "BAD_USER_INPUT"),
            ({"query": "subscription { nope }"}, "GRAPHQL_VALIDATION_FAILED"),
            ({"query": "subscription($n: Int!) { ticks(count: $n) { number } }"}, "BAD_USER_INPUT"),
            ({"query": "subscription { ticks(count: 1) { number } }"}, "UNAUTHENTICATED"),
            ({"query": "{ organizations { nodes { slug } } }"}, "UNAUTHENTICATED"),
        ],
    )
    async def test_an_error_ends_the_operation_only(self, edge: Server, payload: Any, code: str) -> None:
        async with opened(edge) as socket:
            await socket.init()
            await socket.send(subscribe(payload))
            (message,) = await socket.all_of("1")
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == code
            await socket.subscribe("1", TYPENAME)
            assert len(await socket.all_of("1")) == 2

    async def test_a_permission_that_is_missing(self, edge: Server, person: Person) -> None:
        await person.get_roles()
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("1", FOREVER)
            (message,) = await socket.all_of("1")
        assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"

    async def test_a_stream_that_fails(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("1", "subscription { ticks(count: 3, fail: 1) { number } }")
            messages = await socket.all_of("1")
            assert messages[0]["payload"]["data"] == {"ticks": {"number": 0}}
            assert "secret" not in json.dumps(messages)
            assert "INTERNAL" in json.dumps(messages[1:])

    async def test_operations_run_beside_each_other(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("slow", "mutation { wait(seconds: 0.3) { text } }")
            await socket.subscribe("fast", TYPENAME)
            await socket.all_of("fast")
            assert (await socket.all_of("slow"))[0]["payload"]["data"] == {"wait": {"text": "done"}}

    async def test_complete_cancels_and_frees_the_id(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("1", FOREVER)
            await socket.receive()
            await socket.send({"id": "1", "type": "complete"})
            await socket.send({"id": "unknown", "type": "complete"})
            await socket.subscribe("1", "mutation { wait(seconds: 30) { text } }")
            await socket.send({"id": "1", "type": "complete"})
            await until(lambda: counters["open"] == 0)
            await socket.subscribe("2", TYPENAME)
            assert len(await socket.all_of("2")) == 2
            await socket.subscribe("1", TYPENAME)
            assert len(await socket.all_of("1")) == 2

    async def test_a_limit_of_operations(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            for number in range(8):
                await socket.subscribe(str(number), "mutation { wait(seconds: 30) { text } }")
            await socket.subscribe("8", TYPENAME)
            (message,) = await socket.all_of("8")
            assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
            await socket.send({"id": "0", "type": "complete"})
            await until(lambda: counters["open"] == 7)
            await socket.subscribe("8", TYPENAME)
            assert len(await socket.all_of("8")) == 2
        await until(lambda: counters["open"] == 0)


class TestEnds:
    async def test_a_token_that_expires(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person, seconds=1.5))
            await socket.subscribe("1", FOREVER)
            code, reason = await socket.closed()
        assert (code, reason) == (4403, "The access token has expired; refresh it and connect again.")
        await until(lambda: counters["open"] == 0)

    async def test_a_session_that_is_revoked(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("1", FOREVER)
            await socket.receive()
            await person.sign_out()
            assert await socket.closed() == (4403, "The session has ended; sign in again.")
        await until(lambda: counters["open"] == 0)

    async def test_permissions_that_are_lost(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await person.get_roles("OWNER", "VIEWER")
            await socket.subscribe("1", TYPENAME)
            assert len(await socket.all_of("1")) == 2
            await person.get_roles("VIEWER")
            assert await socket.closed() == (4403, "Your permissions have changed; connect again.")

    async def test_somebody_else_is_not_disturbed(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init()
            await person.sign_out()
            await asyncio.sleep(0.1)
            await socket.subscribe("1", TYPENAME)
            assert len(await socket.all_of("1")) == 2

    async def test_a_client_that_vanishes(self, edge: Server, person: Person) -> None:
        async with opened(edge) as socket:
            await socket.init(bearer(person))
            await socket.subscribe("1", FOREVER)
            await socket.receive()
            socket.connection.transport.abort()
        await until(lambda: counters["open"] == 0)

    async def test_a_client_that_stops_reading(self, edge: Server, person: Person) -> None:
        """It fills the buffers of the kernel and one message of ours, then it is dropped."""
        async with opened(edge, compressed=False) as socket:
            await socket.init(bearer(person))
            before = counters["yielded"]
            socket.connection.transport.pause_reading()
            await socket.subscribe("1", "subscription { ticks(count: 100000, size: 100000) { text } }")
            await until(lambda: counters["open"] == 1)
            await until(lambda: counters["open"] == 0, seconds=15)
            assert counters["yielded"] - before < 500
            socket.connection.transport.abort()

    async def test_1012_when_the_server_stops(self, edge_settings: Settings, person: Person) -> None:
        bound = sockets.create_server(("127.0.0.1", 0))
        async with asyncio.timeout(20):
            with bound:
                running = serving(create_app(edge_settings, schema()), bound)
                server = await asyncio.to_thread(running.__enter__)
                async with opened(server) as socket:
                    await socket.init(bearer(person))
                    await socket.subscribe("1", FOREVER)
                    await socket.receive()
                    stopped = asyncio.create_task(asyncio.to_thread(running.__exit__, None, None, None))
                    code, _ = await socket.closed()
                await stopped
        assert code == 1012
        assert counters["open"] == 0
