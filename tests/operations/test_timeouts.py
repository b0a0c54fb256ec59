"""A statement that takes too long ends with an error that says so, and nothing is left behind."""

import asyncpg
import httpx

from db.events.connection import libpq_url
from runtime.settings import Settings
from tests.conftest import Server
from tests.factories.identity import Person
from tests.operations.conftest import application, code, post

GRAPHQL = {"accept": "application/graphql-response+json"}
READ = "query Read { departments { nodes { name } } }"
WRITE = 'mutation Write { createDepartment(input: {name: "D"}) { department { name } errors { code } } }'


async def test_reads_and_writes_time_out(own_settings: Settings, someone: Person) -> None:
    """Another transaction has locked what they need."""
    connection = await asyncpg.connect(libpq_url(own_settings.database_url))
    with application(own_settings, statement_timeout_ms=200) as server:
        assert (await post(server, {"query": READ}, someone.token)).json()["data"]
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE departments IN ACCESS EXCLUSIVE MODE")
                assert (await _timed_out(server, READ, someone)).status_code == 503
                # Its one field is null; the operation itself was answered.
                assert (await _timed_out(server, WRITE, someone)).status_code == 200
        finally:
            await connection.close()
        made = (await post(server, {"query": WRITE}, someone.token)).json()["data"]["createDepartment"]
        assert made == {"department": {"name": "D"}, "errors": []}
        shown = (await post(server, {"query": READ}, someone.token)).json()["data"]["departments"]
        assert shown == {"nodes": [{"name": "D"}]}


async def _timed_out(server: Server, query: str, someone: Person) -> httpx.Response:
    answer = await post(server, {"query": query}, someone.token, GRAPHQL)
    assert code(answer) == "TIMEOUT"
    [error] = answer.json()["errors"]
    assert error["message"] == "This took longer than an operation may; ask for less at once."
    return answer
