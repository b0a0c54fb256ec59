"""Asking the running application, as a client does."""

from typing import Any

import httpx


class Api:
    """GraphQL over HTTP with one access token (or none)."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self.http = http
        self.token = token

    def as_(self, token: str | None) -> "Api":
        return Api(self.http, token)

    async def answer(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The whole answer: data and errors."""
        sent = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"query": query, "variables": variables}
        response = await self.http.post("/graphql", json=body, headers=sent | (headers or {}))
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
