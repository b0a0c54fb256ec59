"""Asking the running application, as a client does."""

from typing import Any

import httpx


def connected(base_url: str = "") -> httpx.AsyncClient:
    """A client of servers on this machine. Nothing is encrypted: to load the world's authorities, for each client
    anew, takes longer than most requests."""
    return httpx.AsyncClient(base_url=base_url, timeout=30, verify=False)


class Api:
    """GraphQL over HTTP with one access token (or none); `base` is the server's URL when the client has none."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None, base: str = "") -> None:
        self.http = http
        self.token = token
        self.base = base

    def as_(self, token: str | None) -> "Api":
        return Api(self.http, token, self.base)

    async def answer(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The whole answer: data and errors."""
        sent = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"query": query, "variables": variables}
        response = await self.http.post(f"{self.base}/graphql", json=body, headers=sent | (headers or {}))
        found: dict[str, Any] = response.json()
        return found

    async def data(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = await self.answer(query, headers, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def done(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The payload of the only mutation in the query; it has no errors."""
        [payload] = (await self.data(query, headers, **variables)).values()
        assert payload["errors"] == [], payload["errors"]
        return dict(payload)

    async def refusals(self, query: str, **variables: Any) -> list[tuple[str, list[str]]]:
        """Code and path of each error in the payload of the only mutation in the query."""
        [payload] = (await self.data(query, **variables)).values()
        assert payload["errors"], payload
        return [(error["code"], error["path"]) for error in payload["errors"]]

    async def code(self, query: str, **variables: Any) -> str:
        """`extensions.code` of the only top-level error."""
        answer = await self.answer(query, **variables)
        [error] = answer["errors"]
        return str(error["extensions"]["code"])
