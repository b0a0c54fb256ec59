"""A reader of server-sent events, as the HTML standard has it, over a real HTTP client."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

PATH = "/graphql/stream"


@dataclass(frozen=True)
class Event:
    name: str
    data: str
    id: str

    @property
    def result(self) -> Any:
        return json.loads(self.data)


class Stream:
    """The events of one response; comments are kept beside them."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments: list[str] = []
        self.retry: str | None = None
        self._lines = response.aiter_lines()
        self._id = ""

    async def event(self) -> Event | None:
        """The next event; None when the body is complete."""
        name, data = "message", []
        async with asyncio.timeout(10):
            async for line in self._lines:
                if not line:
                    if data:
                        return Event(name, "\n".join(data), self._id)
                    continue
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "":
                    self.comments.append(value)
                elif field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    self._id = value
                elif field == "retry":
                    self.retry = value
        return None

    async def rest(self) -> list[Event]:
        """All events until the body is complete."""
        events = []
        while (event := await self.event()) is not None:
            events.append(event)
        return events


@asynccontextmanager
async def streaming(
    client: httpx.AsyncClient,
    query: str,
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    variables: dict[str, Any] | None = None,
) -> AsyncIterator[Stream]:
    sent = {"accept": "text/event-stream"} | (headers or {})
    if method == "POST":
        request = client.stream("POST", PATH, json={"query": query, "variables": variables}, headers=sent)
    else:
        parameters = {"query": query} | ({"variables": json.dumps(variables)} if variables else {})
        request = client.stream("GET", PATH, params=parameters, headers=sent)
    async with request as response:
        yield Stream(response)
