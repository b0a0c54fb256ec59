"""Asking the platform from a benchmark: one operation, and signing in."""

from http.client import HTTPConnection
from typing import Any

import orjson

PASSWORD = "a benchmark knows no secrets"
SIGN_IN = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken errors { message } } }"


class SetUpError(Exception):
    """The benchmark cannot be run; the text says why."""


def post(connection: HTTPConnection, body: bytes, token: str = "") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one operation's answer, with the statuses of the GraphQL-over-HTTP draft."""
    headers = {"content-type": "application/json", "accept": "application/graphql-response+json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    connection.request("POST", "/graphql", body, headers)
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def credentials(email: str, slug: str) -> bytes:
    """The body of a sign-in to an organization."""
    given = {"email": email, "password": PASSWORD, "organization": slug}
    return orjson.dumps({"query": SIGN_IN, "variables": {"input": given}})


def access_token(body: bytes) -> str | None:
    """What a sign-in was answered with; None when it was refused."""
    answer: dict[str, Any] = orjson.loads(body)
    payload = (answer.get("data") or {}).get("signIn") or {}
    token: str | None = payload.get("accessToken")
    return token


def sign_in(port: int, email: str, slug: str) -> str:
    """The access token of somebody who has PASSWORD."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        _, _, body = post(connection, credentials(email, slug))
    finally:
        connection.close()
    token = access_token(body)
    if token is None:
        raise SetUpError(f"Signing in failed: {body!r}")
    return token
