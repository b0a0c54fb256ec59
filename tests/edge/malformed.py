"""Malformed requests, made from a seed: the same ones in every run."""

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

VALID: dict[str, Any] = {
    "query": "query Q($n: Int) { organizations(first: $n) { nodes { id slug } } }",
    "variables": {"n": 3},
    "operationName": "Q",
    "extensions": {},
}
DOCUMENTS = [
    "",
    " ",
    "{",
    "}",
    "{}",
    "{a",
    "query",
    "query Q {",
    "#",
    "{ organizations(first: -1) { nodes { id } } }",
    "{ organizations(first: 99999999999999999999) { nodes { id } } }",
    '{ organizations(first: "3") { nodes { id } } }',
    '{ organizations(after: "garbage") { nodes { id } } }',
    '{ organizations(after: "AAAA", before: "AAAA") { nodes { id } } }',
    "{ organizations(first: 1, last: 1) { nodes { id } } }",
    '{ organizations(where: {slug: {eq: "\\u0000"}}) { nodes { id } } }',
    '{ organizations(where: {slug: {eq: "\\ud800"}}) { nodes { id } } }',
    '{ organizations(where: {slug: {in: "x"}}) { nodes { id } } }',
    '{ organizations(where: {id: {eq: "org_x"}}) { nodes { id } } }',
    '{ organizations(where: {nope: {eq: "x"}}) { nodes { id } } }',
    "{ organizations(orderBy: [{slug: UP}]) { nodes { id } } }",
    '{ node(id: "") { id } }',
    '{ node(id: "org_") { id } }',
    '{ node(id: "ac_019a2b3c-0000-7000-8000-000000000000") { id } }',
    '{ node(id: "org_\\u0000") { id } }',
    "{ node(id: 5) { id } }",
    "{ node(id: null) { id } }",
    '{ nodes(ids: ["org_x", ""]) { id } }',
    "{ nodes(ids: [" + '"org_019a2b3c-0000-7000-8000-000000000000",' * 101 + "]) { id } }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "{ ...Missing }",
    "{ __typename @include }",
    '{ __typename @include(if: "yes") }',
    "{ __typename @nope }",
    "{ " + "__typename " * 6000 + "}",
    "{ " + "a: __typename " * 3000 + "}",
    "{" + "a{" * 900 + "b" + "}" * 901,
    "{ __typename(" + "[" * 900 + "]" * 900 + ") }",
    "mutation { echo }",
    "mutation { echo(text: 5) { text } }",
    'mutation { echo(text: "a", text: "b") { text } }',
    'mutation { echo(text: "a", times: 1.5) { text } }',
    "subscription { ticks(count: 1) { number } }",
    "subscription { a: ticks(count: 1) { number } b: ticks(count: 1) { number } }",
    "type Query { a: Int }",
    "schema { query: Query }",
    "query A { __typename } query A { __typename }",
    "{ __typename } { __typename }",
    "query ($a: Nope) { __typename }",
    "query ($a: Int, $a: Int) { __typename }",
    "query ($a: [Int!]! = [null]) { __typename }",
    '"""',
    '{ a(b: """) }',
    "{ é }",
    "{ \ud7ff }",
    "{ 日本 }",
    "\x07{ __typename }",
    "{ a(b: 0x1F) }",
    "{ a(b: 01) }",
    "{ a(b: 1e) }",
    '{ a(b: "\\q") }',
    '{ a(b: "\\u{110000}") }',
    "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
]
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**53, 2**63, 2**64 + 1, "", "x", "\u0000", "é", "\U0001f680", [], [1], [[]],
    [None], {}, {"a": 1}, {"": ""}, {"n": {"n": {}}}, ["x"] * 50, "x" * 5000,
]  # fmt: skip
CONTENT_TYPES = [
    b"", b"text/plain", b"application/json", b"application/json; charset=utf-16", b"application/json; charset=",
    b"application/json;", b"application/json; charset", b"Application/Json;charset=\"utf-8\"", b"application/*", b"*/*",
    b"json", b"application/xml", b"text/plain, application/json", b"application/json, text/plain", b"\xff\xfe",
    b"multipart/form-data; boundary=x", b"application/x-www-form-urlencoded", b"application/graphql", b";", b"=;=,",
]  # fmt: skip
ACCEPTS = [
    b"", b"*/*", b"application/json", b"application/graphql-response+json", b"text/html", b"application/json;q=0",
    b"application/json;q=x", b";;;", b"\xff", b",,,,", b"a/b/c", b"application/json" + b",x/y" * 300, b'"', b"*/*;q=2",
    b"application/json;charset=ebcdic", b"text/event-stream", b"multipart/mixed",
]  # fmt: skip
AUTHORIZATIONS = [
    b"", b"Bearer", b"Bearer x", b"Bearer a.b.c", b"Basic eDp5", b"Bearer " + b"x" * 5000, b"Bearer \xff", b"bearer\tx",
    b"Bearer eyJhbGciOiJub25lIn0.e30.", b"Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6W119.e30.x", b"Bearer ...", b"Bearer a b",
]  # fmt: skip
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "latin-1", "cp037"]
METHODS = [b"PUT", b"DELETE", b"PATCH", b"TRACE", b"OPTIONS", b"BREW", b"post", b"", b"P\xffST", b"CONNECT", b"PRI"]


def request(
    body: bytes,
    *,
    method: bytes = b"POST",
    path: bytes = b"/graphql",
    content_type: bytes = b"application/json",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    length: bytes | None = None,
) -> bytes:
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close"]
    lines += [b"Content-Type: " + content_type, b"Content-Length: " + (length or b"%d" % len(body))]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def value(rng: random.Random, depth: int = 0) -> Any:
    if depth < 3 and rng.random() < 0.3:
        return {rng.choice(["a", "n", "query", ""]): value(rng, depth + 1) for _ in range(rng.randint(0, 3))}
    if depth < 3 and rng.random() < 0.2:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return rng.choice(ODD)


def broken_bytes(rng: random.Random, text: bytes) -> bytes:
    raw = bytearray(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(raw) + 1)
        match rng.randint(0, 4):
            case 0:
                raw[at:at] = bytes(rng.choices(range(256), k=rng.randint(1, 4)))
            case 1:
                del raw[at : at + rng.randint(1, 20)]
            case 2:
                raw = raw[: max(1, at)]
            case 3:
                raw[at:at] = rng.choice(
                    [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00", b"\\u0000", b"\\ud800", b"[" * 2000]
                )
            case _:
                raw[at:at] = raw[: rng.randint(1, 30)]
    return bytes(raw)


def envelope(rng: random.Random) -> Any:
    made: Any = dict(VALID)
    match rng.randint(0, 5):
        case 0:
            return value(rng)
        case 1:
            made[rng.choice(list(made))] = value(rng)
        case 2:
            made["query"] = rng.choice(DOCUMENTS)
        case 3:
            tokens = [
                "{",
                "}",
                "(",
                ")",
                ":",
                "$",
                "...",
                "on",
                "query",
                "fragment",
                "a",
                '"x"',
                "5",
                "@",
                "!",
                "[",
                "]",
            ]
            made["query"] = " ".join(rng.choices(tokens, k=rng.randint(1, 40)))
        case 4:
            made["variables"] = {"n": value(rng)}
        case _:
            return [made] * rng.randint(0, 3)
    return made


def text_of(rng: random.Random) -> bytes:
    text = json.dumps(envelope(rng), ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    match rng.randint(0, 5):
        case 0 | 1:
            return broken_bytes(rng, text)
        case 2:
            return text.decode("utf-8", "replace").encode(rng.choice(ENCODINGS), "replace")
        case _:
            return text


def http(rng: random.Random) -> bytes:  # noqa: C901 - a list of cases
    """One malformed (now and then only odd) HTTP request."""
    body = text_of(rng)
    match rng.randint(0, 11):
        case 0:
            return request(body, content_type=rng.choice(CONTENT_TYPES))
        case 1:
            return request(body, headers=((b"Accept", rng.choice(ACCEPTS)),))
        case 2:
            return request(body, headers=((b"Authorization", rng.choice(AUTHORIZATIONS)),))
        case 3:
            return request(body, method=rng.choice(METHODS))
        case 4:
            name = rng.choice([b"Content-Type", b"Authorization", b"Accept", b"Content-Length", b"Host"])
            return request(body, headers=((name, b"application/json"), (name, b"x")))
        case 5:
            length = rng.choice([b"-1", b"x", b"1e3", b"9" * 30, b"0x10", b"+5", b"1, 2", b"9999999"])
            return request(body, length=length)
        case 6:
            parameters = b"&".join(
                name + b"=" + quote_from_bytes(broken_bytes(rng, body)[:2000]).encode()
                for name in rng.sample([b"query", b"variables", b"extensions", b"operationName", b"query"], k=3)
            )
            return request(b"", method=b"GET", path=b"/graphql?" + parameters)
        case 7:
            return broken_bytes(rng, request(body)) + b"\r\n\r\n"
        case 8:
            huge = rng.choice([b" " * 30_000, b'{"query":"' + b"x" * 50_000 + b'"}', b"[" * 25_000])
            return request(huge)
        case 9:
            headers = ((b"X-Request-Id", broken_bytes(rng, b"abc").replace(b"\r", b"").replace(b"\n", b"")),)
            return request(body, headers=headers)
    return request(body)


def socket_message(rng: random.Random) -> str | bytes:
    """One malformed (now and then only odd) text or binary frame."""
    message: Any = rng.choice(
        [
            {"type": "connection_init", "payload": {}},
            {"type": "ping", "payload": {"a": 1}},
            {"type": "subscribe", "id": "1", "payload": dict(VALID)},
            {"type": "subscribe", "id": "1", "payload": envelope(rng)},
            {"type": "complete", "id": "1"},
        ]
    )
    match rng.randint(0, 5):
        case 0:
            message[rng.choice(list(message))] = value(rng)
        case 1:
            del message[rng.choice(list(message))]
        case 2:
            message = value(rng)
        case 3:
            return broken_bytes(rng, json.dumps(message).encode()).decode("utf-8", "replace")
        case 4:
            return broken_bytes(rng, json.dumps(message).encode())
    return json.dumps(message)


def http_requests(count: int, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    return (http(rng) for _ in range(count))


def socket_messages(count: int, seed: int) -> Iterator[str | bytes]:
    rng = random.Random(seed)
    return (socket_message(rng) for _ in range(count))
