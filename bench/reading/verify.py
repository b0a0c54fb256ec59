"""Before anything is measured, every server answers every request once, and its answers must equal ours."""

import re
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import orjson

from bench.kit.asking import SetUpError
from bench.kit.load import digest, write_requests
from bench.reading.data import Tenant
from bench.reading.servers import Server
from bench.reading.shapes import Shape, requests

ROWS: dict[str, Callable[[Any], int]] = {
    "Q1": lambda data: 1 if data["aircraft"] else 0,
    "Q2": lambda data: len(data["aircraftList"]["nodes"]),
    "Q3": lambda data: sum(len(each["corrections"]["nodes"]) for each in data["utilisationEntries"]["nodes"]),
    "Q4": lambda data: len(data["aircraftList"]["nodes"]),
    "Nested": lambda data: sum(len(each["utilisation"]["nodes"]) for each in data["aircraftList"]["nodes"]),
}
EXPECTED = {"Q1": 1, "Q2": 50, "Q3": 100, "Q4": 500, "Nested": 100}


IDS = re.compile(rb'"id": *"(?:[a-z]+_)?([0-9a-f-]{36})"')


class Answers:
    """What ours said to each request of each shape, and the digests of everyone's bytes."""

    def __init__(self, tenants: list[Tenant], folder: Path) -> None:
        self._tenants = tenants
        self._folder = folder
        self._ours: dict[str, list[Any]] = {}
        self._ids: dict[str, list[list[bytes]]] = {}
        self._digests: dict[tuple[str, str], list[str]] = {}

    def verify(self, server: Server, shape: Shape) -> None:
        """Ask everything once; SetUpError names the first answer that differs from ours (asked first)."""
        connection = HTTPConnection("127.0.0.1", server.program.port, timeout=60)
        connection.connect()
        bodies = []
        try:
            for tenant, variables in requests(shape, self._tenants):
                connection.sock.sendall(server.request(shape, tenant, variables))
                bodies.append(_body(connection))
        finally:
            connection.close()
        answers = [orjson.loads(body).get("data") for body in bodies]
        ids = [IDS.findall(body) for body in bodies]
        if server.same_query:
            self._ours[shape.name], self._ids[shape.name] = answers, ids
        for number, (answer, mine) in enumerate(zip(answers, self._ours[shape.name], strict=True)):
            if server.same_answer and answer != mine:
                raise SetUpError(f"{server.name} answers {shape.name} request {number} differently: {_shown(answer)} "
                                 f"instead of {_shown(mine)} ({bodies[number][:500]!r})")  # fmt: skip
            # A server with a schema of its own says the same when it names the same objects in the same order.
            if not server.same_answer and ids[number] != self._ids[shape.name][number]:
                raise SetUpError(f"{server.name} answers {shape.name} request {number} with other objects: "
                                 f"{bodies[number][:500]!r}")  # fmt: skip
            if answer is None or ROWS[shape.name](mine) != EXPECTED[shape.name]:
                raise SetUpError(f"{server.name} answers {shape.name} request {number}: {bodies[number][:500]!r}")
        self._digests[server.name, shape.name] = [digest(body) for body in bodies]

    def file(self, server: Server, shape: Shape) -> Path:
        """Write the requests (with the tokens of now) and the digests of their answers for the load generator."""
        path = self._folder / f"{server.name}-{shape.name}.json"
        written = [server.request(shape, tenant, variables) for tenant, variables in requests(shape, self._tenants)]
        write_requests(path, written, self._digests[server.name, shape.name])
        return path


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:700]


def _body(connection: HTTPConnection) -> bytes:
    """Read one answer of a request that was written to the socket by hand."""
    answer = HTTPResponse(connection.sock, method="POST")
    answer.begin()
    return answer.read()
