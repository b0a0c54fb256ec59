"""Trusted documents: how they are pushed, and that nothing else runs."""

import asyncio
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query, parse, print_ast
from sqlalchemy import text

from db.session import Database
from runtime.cli import main
from runtime.commands import operations
from runtime.settings import Settings
from tests.conftest import Server
from tests.edge.sockets import opened
from tests.factories.events import until
from tests.factories.identity import Person
from tests.operations.conftest import code, post
from tests.runtime.test_cli import opsgraph

FLEET = """
# Two operations that share a fragment.
query Fleet { aircraftList(first: 3) { nodes { ...Plane } } }
query OnePlane($id: ID!) { aircraft(id: $id) { ...Plane type { ...Kind } } }
fragment Plane on Aircraft { id registration }
"""
KINDS = (
    "fragment Kind on AircraftType { model } subscription Listen($id: ID!) { aircraftChanged(ids: [$id]) { cursor } }"
)


def push(settings: Settings, *files: Path, flags: tuple[str, ...] = ("--json",)) -> subprocess.CompletedProcess[str]:
    """The command, in this process (to start one takes most of the time); as `pushed` it runs in one of its own."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["opsgraph", "operations", "push", *flags, *map(str, files)])
        patch.setattr(operations, "load", lambda _data: settings)
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess([], code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("operations")
    files = folder / "fleet.graphql", folder / "kinds.graphql"
    for file, content in zip(files, (FLEET, KINDS), strict=True):
        file.write_text(content)
    return files


@pytest.fixture(scope="module")
def pushed(own_settings: Settings, files: tuple[Path, Path]) -> dict[str, str]:
    """Name and hash of each registered operation."""
    environment = {"DATABASE_URL": own_settings.database_url, "REDIS_URL": own_settings.redis_url}
    arguments = ["operations", "push", "--json", *map(str, files)]
    done = opsgraph(*arguments, DATA_DIR=str(own_settings.data_dir), **environment)
    assert done.returncode == 0, done.stderr
    return {name: given for given, name in json.loads(done.stdout).items()}


def by_hash(given: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": given}}}


async def test_what_is_pushed_runs_by_hash(
    trusting: Server, standard: Server, someone: Person, pushed: dict[str, str]
) -> None:
    assert set(pushed) == {"Fleet", "OnePlane", "Listen"}
    for server in (trusting, standard):
        answer = await post(server, by_hash(pushed["Fleet"]), someone.token)
        assert answer.json()["data"] == {"aircraftList": {"nodes": []}}


async def test_hashes_are_those_of_printed_documents(trusting: Server, someone: Person, pushed: dict[str, str]) -> None:
    """A client that prints and hashes its documents arrives at the same hash, and may send the text as well."""
    printed = print_ast(parse("query Fleet { aircraftList(first: 3) { nodes { ...Plane } } }"
                              " fragment Plane on Aircraft { id registration }"))  # fmt: skip
    assert sha256(printed.encode()).hexdigest() == pushed["Fleet"]
    assert "errors" not in (await post(trusting, {"query": printed}, someone.token)).json()


async def test_nothing_else_runs(trusting: Server, someone: Person, pushed: dict[str, str]) -> None:
    other = "{ organization { name } }"
    hashed = by_hash(sha256(other.encode()).hexdigest())
    introspection = get_introspection_query()
    texts: list[dict[str, Any]] = [{"query": text} for text in (other, introspection, "{ __typename }")]
    for body in [*texts, hashed, {"query": other} | hashed]:
        answer = await post(trusting, body, someone.token, {"accept": "application/graphql-response+json"})
        assert (answer.status_code, code(answer)) == (403, "OPERATION_NOT_TRUSTED")
        assert "operations push" in answer.json()["errors"][0]["message"]


async def test_over_sockets(trusting: Server, someone: Person, pushed: dict[str, str]) -> None:
    async with opened(trusting) as socket:
        await socket.init({"authorization": f"Bearer {someone.token}"})
        await socket.subscribe("1", "subscription { aircraftChanged { cursor } }")
        [error] = await socket.all_of("1")
        assert error["payload"][0]["extensions"]["code"] == "OPERATION_NOT_TRUSTED"
        await socket.send({"id": "2", "type": "subscribe", "payload": by_hash(pushed["OnePlane"])})
        [error] = await socket.all_of("2")
        assert error["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_trust_replaces_no_permission(trusting: Server, pushed: dict[str, str]) -> None:
    assert code(await post(trusting, by_hash(pushed["Fleet"]))) == "UNAUTHENTICATED"


async def test_a_push_is_seen_by_servers_that_run(
    trusting: Server, someone: Person, own_settings: Settings, tmp_path: Path
) -> None:
    document = "query Later {\n  organization {\n    slug\n  }\n}"
    assert code(await post(trusting, {"query": document}, someone.token)) == "OPERATION_NOT_TRUSTED"
    file = tmp_path / "later.graphql"
    file.write_text(document)
    assert (await asyncio.to_thread(push, own_settings, file)).returncode == 0

    async def runs() -> bool:
        return "errors" not in (await post(trusting, {"query": document}, someone.token)).json()

    await until(runs)


def test_pushing_again_changes_nothing(
    own_settings: Settings, pushed: dict[str, str], files: tuple[Path, Path]
) -> None:
    again = push(own_settings, *files, flags=())
    assert again.returncode == 0
    assert again.stdout.splitlines() == [f"{given} {name}" for name, given in pushed.items()]
    assert "0 of 3 operations are new." in again.stderr


async def test_every_bad_one_is_named_and_none_is_registered(
    own_settings: Settings, own_db: Database, tmp_path: Path
) -> None:
    files = {
        "bad.graphql": "query One { nonsense } query Two { organization { nothing } }"
        " query Fine { organization { id } }",
        "syntax.graphql": "query {",
        "nameless.graphql": "{ organization { id } }",
        "twice.graphql": "query Fine { organization { name } }",
        "other.graphql": "type Query { a: Int }",
        "lost.graphql": "query Lost { organization { ...Missing } }",
        "wrong.json": json.dumps({"0" * 64: "query Wrong { organization { id } }"}),
        "list.json": "[]",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    async def registered() -> int:
        async with own_db.platform() as session:
            return int(await session.scalar(text("SELECT count(*) FROM operations")) or 0)

    before = await registered()
    given = [tmp_path / name for name in (*files, "absent.graphql")]
    done = await asyncio.to_thread(push, own_settings, *given)
    assert done.returncode == 1
    assert done.stdout == ""
    expected = ["One: ", "Two: ", "syntax.graphql: Syntax Error", "nameless.graphql", "named Fine", "only operations",
                "Missing", "wrong.json", "list.json", "absent.graphql: it cannot",
                "Nothing was registered"]  # fmt: skip
    assert [part for part in expected if part not in done.stderr] == []
    assert await registered() == before


@pytest.mark.parametrize("style", ["apollo", "relay"])
async def test_manifests(own_settings: Settings, trusting: Server, someone: Person, tmp_path: Path, style: str) -> None:
    document = f"query Manifest_{style} {{ organization {{ id }} }}"
    given = sha256(document.encode()).hexdigest()
    entry = {"id": given, "name": f"Manifest_{style}", "type": "query", "body": document}
    apollo = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [entry]}
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(apollo if style == "apollo" else {given: document}))
    done = await asyncio.to_thread(push, own_settings, file)
    assert json.loads(done.stdout) == {given: f"Manifest_{style}"}, done.stderr
    assert "errors" not in (await post(trusting, by_hash(given), someone.token)).json()


async def test_the_app_role_cannot_register(own_db: Database, someone: Person) -> None:
    statement = text("INSERT INTO operations (sha256, name, document) VALUES (:hash, 'X', 'x')")
    with pytest.raises(Exception, match="permission denied"):
        async with own_db.tenant(someone.org_id, someone.user_id) as session:
            await session.execute(statement, {"hash": "0" * 64})
