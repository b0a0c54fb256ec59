"""GraphQL over HTTP: media types, status codes, methods, envelopes, headers. The audits of graphql-http by their
ids where there is one."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.edge.conftest import BODY_LIMIT, Person
from tests.edge.room import counters

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
TYPENAME = '{"query":"{__typename}"}'
ECHO = 'mutation { echo(text: "hi") { text } }'


async def post(client: httpx.AsyncClient, body: Any = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    given = {"content-type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post("/graphql", content=content, headers=given)


def problem(response: httpx.Response) -> dict[str, Any]:
    """The one error of an answer; it must be a sentence."""
    errors = response.json()["errors"]
    assert response.headers["content-type"].split(";")[0] in (JSON, GRAPHQL)
    assert len(errors[0]["message"]) > 10
    assert errors[0]["message"].endswith((".", ")"))
    assert errors[0]["extensions"]["code"]
    return dict(errors[0])


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),  # 80D8
        ("*/*", JSON),  # 47DE
        (JSON, JSON),  # 4655
        (GRAPHQL, GRAPHQL),  # 22EB
        ("application/*", JSON),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{JSON}, {GRAPHQL};q=0.9", JSON),
        (f"{GRAPHQL};q=0.3, {JSON};q=0.2", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"{JSON};q=0, */*;q=0.1", GRAPHQL),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (f"multipart/mixed, {GRAPHQL};q=0.5", GRAPHQL),
        (f"{JSON};charset=UTF-8", JSON),
        ('text/plain;a="x,y", application/json', JSON),
        ("", JSON),
        ("text/html", None),
        ("application/xml, text/*", None),
        (f"{JSON};q=0", None),
        (f"{JSON};charset=utf-16", None),
        ("garbage", None),
        (f"{JSON};q=high", None),
    ],
)
async def test_accept(client: httpx.AsyncClient, accept: str | None, expected: str | None) -> None:
    client.headers.pop("accept")
    response = await post(client, TYPENAME, **({} if accept is None else {"accept": accept}))
    if expected is None:
        assert response.status_code == 406
        assert "accept" in problem(response)["message"]
    else:
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{expected}; charset=utf-8"  # 82A3


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 200),  # 03D4, 78D5
        ("application/json; charset=utf-8", 200),  # BF61
        ('application/json;charset="UTF-8"', 200),
        ("Application/JSON", 200),
        (None, 415),  # 9ABE
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("application/jsonx", 415),
        ("application/json, text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=application/json", 415),
        ("application/graphql", 415),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=latin1", 415),
        ("application/json;;", 415),
        ("", 415),
    ],
)
async def test_content_type(client: httpx.AsyncClient, content_type: str | None, status: int) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    response = await client.post("/graphql", content=TYPENAME, headers=headers)
    assert response.status_code == status
    if status == 415:
        assert problem(response)["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "empty"),
        (b"5", "a number"),
        (b"null", "null"),
        (b"true", "a boolean"),
        (b'"x"', "a string"),
        (b"[1]", "Batching is off"),
        (b'[{"query":"{__typename}"}]', "Batching is off"),
        (b"{", "not valid JSON"),
        (b'{"query":}', "line 1, column 10"),
        (b'{"query":"\xff"}', "not UTF-8"),
        (b'{"query":"\\ud800"}', "not valid JSON"),
        (TYPENAME.encode("utf-16"), "UTF-16"),
        (TYPENAME.encode("utf-16-be"), "UTF-16"),
        (TYPENAME.encode("utf-32"), "UTF-16 or UTF-32"),
        (b"\xef\xbb\xbf" + TYPENAME.encode(), "byte order mark"),
        (b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b'{"query":"{__typename}","variables":{"a":' + b"[" * 200 + b"]" * 200 + b"}}", "deeper"),
        (b'{"query":"{__typename}","variables":{"a":"\\u0000"}}', "NUL"),
        (b'{"query":"{__typename}\\u0000"}', "NUL"),
        (b"{}", "'query' is missing"),  # 423L
        (b'{"query":null}', "'query' is missing"),
        (b'{"query":""}', "'query' is empty"),
        (b'{"query":"  "}', "'query' is empty"),
        (b'{"query":1}', "'query' is a number"),  # LKJ0
        (b'{"query":["{a}"]}', "'query' is an array"),
        (b'{"query":{}}', "'query' is an object"),
        (b'{"query":"{__typename}","operationName":1}', "'operationName' is a number"),  # 6C00
        (b'{"query":"{__typename}","operationName":[]}', "'operationName' is an array"),
        (b'{"query":"{__typename}","variables":"{}"}', "'variables' is a string"),  # 4760
        (b'{"query":"{__typename}","variables":[]}', "'variables' is an array"),
        (b'{"query":"{__typename}","variables":0}', "'variables' is a number"),
        (b'{"query":"{__typename}","extensions":false}', "'extensions' is a boolean"),  # 58B0
        (b'{"query":"{__typename}","extensions":"x"}', "'extensions' is a string"),
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_malformed_body_is_400(client: httpx.AsyncClient, body: bytes, part: str, accept: str) -> None:
    response = await post(client, body, accept=accept)
    assert response.status_code == 400  # BCF8, B6DC, 3E3A, 8764
    assert response.headers["content-type"].startswith(accept)
    assert part in problem(response)["message"]


@pytest.mark.parametrize(
    "extra", ['"variables":null', '"operationName":null', '"extensions":null', '"variables":{}', '"extensions":{"a":1}']
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_optional_parameters(client: httpx.AsyncClient, extra: str, accept: str) -> None:
    response = await post(client, f'{{"query":"{{__typename}}",{extra}}}', accept=accept)  # 0220, 28B9, 1B7A, 39AA
    assert response.status_code == 200
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED", 400),  # 572B, 865D, 556A
        ({"query": "{ nothingLikeIt }"}, "GRAPHQL_VALIDATION_FAILED", 400),  # FDE2, 51FE, 74FF
        ({"query": "mutation($t: String!) { echo(text: $t) { text } }"}, "BAD_USER_INPUT", 400),  # 7B9B, 86EE
        ({"query": "query A {__typename} query B {__typename}"}, "BAD_USER_INPUT", 400),
        ({"query": "query A {__typename}", "operationName": "C"}, "BAD_USER_INPUT", 400),
        ({"query": "subscription { ticks(count: 1) { number } }"}, "BAD_USER_INPUT", 400),
        ({"query": "{ organizations { nodes { slug } } }"}, "UNAUTHENTICATED", 401),
        ({"query": "{" + "a{" * 5000 + "b" + "}" * 5001}, None, 400),
    ],
)
async def test_a_refused_operation(
    client: httpx.AsyncClient, body: dict[str, Any], code: str | None, status: int
) -> None:
    plain, typed = await post(client, body, accept=JSON), await post(client, body, accept=GRAPHQL)
    assert plain.status_code == 200
    assert typed.status_code == status
    for response in (plain, typed):
        assert "data" not in response.json()  # D586, 5E5B, C0D2
        assert code is None or problem(response)["extensions"]["code"] == code


async def test_an_error_while_executing_keeps_the_data(client: httpx.AsyncClient) -> None:
    body = {"query": 'mutation { echo(text: "a") { text } missing { text } }'}
    response = await post(client, body, accept=GRAPHQL)
    assert response.status_code == 200
    answer = response.json()
    assert answer["data"] == {"echo": {"text": "a"}, "missing": None}
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answer["errors"][0]["path"] == ["missing"]
    assert answer["errors"][0]["locations"] == [{"line": 1, "column": 37}]


async def test_an_unplanned_error_is_masked(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "mutation { boom { text } }"})
    error = response.json()["errors"][0]
    assert error["extensions"]["code"] == "INTERNAL"
    assert error["extensions"]["errorId"] in error["message"]
    assert "secret" not in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW", "OPTIONS"])
async def test_methods(client: httpx.AsyncClient, method: str) -> None:
    if method == "BREW":  # not a method of HTTP at all: the protocol parser refuses it
        assert (await client.request(method, "/graphql")).status_code == 400
        return
    response = await client.request(method, "/graphql", content=TYPENAME)
    assert response.headers["allow"] == "GET, POST, OPTIONS"
    assert response.status_code == (204 if method == "OPTIONS" else 405)


class TestGet:
    @pytest.mark.parametrize("accept", [JSON, GRAPHQL])
    async def test_queries(self, client: httpx.AsyncClient, accept: str) -> None:
        parameters = {"query": "query Q($a: Boolean!) { __typename @include(if: $a) }", "variables": '{"a":true}'}
        response = await client.get("/graphql", params=parameters, headers={"accept": accept})  # 5A70, D6D5
        assert response.json() == {"data": {"__typename": "Query"}}

    @pytest.mark.parametrize(
        "parameters",
        [
            {"query": ECHO},
            {"query": f"query Q {{__typename}} {ECHO.replace('mutation', 'mutation M')}", "operationName": "M"},
            {"query": "subscription { ticks(count: 1) { number } }"},
        ],
    )
    async def test_nothing_but_queries(self, client: httpx.AsyncClient, parameters: dict[str, str]) -> None:
        before = counters["bumped"]
        response = await client.get("/graphql", params=parameters)  # 9C48
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert "GET can only run a query" in problem(response)["message"]
        assert counters["bumped"] == before

    @pytest.mark.parametrize(
        ("query_string", "part"),
        [
            ("", "'query' is missing"),
            ("query=", "'query' is missing"),
            ("query=%ff", "not UTF-8"),
            ("query={__typename}&query={a}", "given twice"),
            ("query={__typename}&variables={", "not valid JSON"),
            ("query={__typename}&variables=[1]", "'variables' is an array"),
            ("query={__typename}&extensions=5", "'extensions' is a number"),
            ("&".join(f"a{n}=1" for n in range(100)), "query string"),
        ],
    )
    async def test_malformed(self, client: httpx.AsyncClient, query_string: str, part: str) -> None:
        response = await client.get(f"/graphql?{query_string}")
        assert response.status_code == 400
        assert part in problem(response)["message"]

    async def test_parse_errors_follow_the_media_type(self, client: httpx.AsyncClient) -> None:
        for accept, status in ((JSON, 200), (GRAPHQL, 400)):
            response = await client.get("/graphql", params={"query": "{"}, headers={"accept": accept})
            assert response.status_code == status
            assert problem(response)["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


class TestSize:
    @pytest.mark.parametrize("size", [BODY_LIMIT + 1, BODY_LIMIT * 3, BODY_LIMIT * 40])
    async def test_too_large(self, client: httpx.AsyncClient, size: int) -> None:
        try:
            response = await post(client, b" " * size)
        except httpx.TransportError:
            assert size > BODY_LIMIT * 8  # far too large: we need not read it all for the sake of our answer
            return
        assert response.status_code == 413
        assert str(BODY_LIMIT) in problem(response)["message"]

    async def test_just_fits(self, client: httpx.AsyncClient) -> None:
        assert (await post(client, TYPENAME.ljust(BODY_LIMIT))).status_code == 200

    async def test_chunked_without_a_length(self, client: httpx.AsyncClient) -> None:
        async def chunks(count: int) -> Any:
            for _ in range(count):
                yield b" " * 1000
            yield TYPENAME.encode()

        headers = {"content-type": JSON}
        assert (await client.post("/graphql", content=chunks(3), headers=headers)).status_code == 200
        assert (await client.post("/graphql", content=chunks(40), headers=headers)).status_code == 413

    async def test_compressed(self, client: httpx.AsyncClient) -> None:
        response = await post(client, gzip.compress(TYPENAME.encode()), content_encoding="gzip")
        assert response.status_code == 415


class TestSignIn:
    async def test_a_token_opens_the_organization(self, client: httpx.AsyncClient, person: Person) -> None:
        response = await post(client, {"query": "{ organizations { nodes { name } } }"}, **person.headers)
        assert response.json() == {"data": {"organizations": {"nodes": [{"name": "O"}]}}}

    @pytest.mark.parametrize(
        "header", ["Bearer x", "Bearer a.b.c", "Bearer", "Basic eDp5", "x", "Bearer \xe9", "Bearer a b"]
    )
    @pytest.mark.parametrize("accept", [JSON, GRAPHQL])
    async def test_a_bad_token_is_401(self, client: httpx.AsyncClient, header: str, accept: str) -> None:
        headers = {"content-type": JSON, "accept": accept, "authorization": header.encode("latin-1")}
        response = await client.post("/graphql", content=TYPENAME, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert problem(response)["extensions"]["code"] == "UNAUTHENTICATED"

    async def test_an_ended_session(self, client: httpx.AsyncClient, person: Person) -> None:
        headers = person.headers
        assert (await post(client, TYPENAME, **headers)).status_code == 200
        await person.sign_out()
        for _ in range(50):
            response = await post(client, TYPENAME, **headers)
            if response.status_code == 401:
                return
        pytest.fail("the token of an ended session still works")

    async def test_a_missing_permission(self, client: httpx.AsyncClient, person: Person) -> None:
        await person.get_roles()
        body = {"query": "{ organizations { nodes { name } } }"}
        for accept, status in ((JSON, 200), (GRAPHQL, 403)):
            response = await post(client, body, accept=accept, **person.headers)
            assert response.status_code == status
            assert problem(response)["extensions"]["code"] == "FORBIDDEN"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/graphql", "/health", "/nothing", "/metrics", "/schema.graphql"])
    async def test_every_answer_is_traced(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path)
        assert 1 <= len(response.headers["x-request-id"]) <= 64
        assert 0 <= float(response.headers["x-process-time"]) < 10
        assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("abc-1._Z", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("a\xe9", False), ("", False)],
    )
    async def test_request_id(self, client: httpx.AsyncClient, given: str, kept: bool) -> None:
        for path in ("/graphql", "/health"):
            response = await client.get(path, headers={"x-request-id": given.encode("latin-1")})
            assert (response.headers["x-request-id"] == given) is kept

    async def test_cors_for_known_origins_only(self, client: httpx.AsyncClient) -> None:
        for path in ("/graphql", "/health"):
            known = await client.options(path, headers={"origin": "https://app.example"})
            assert known.headers["access-control-allow-origin"] == "https://app.example"
            assert "authorization" in known.headers["access-control-allow-headers"]
            other = await client.options(path, headers={"origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers
        response = await post(client, TYPENAME, origin="https://app.example")
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in response.headers
