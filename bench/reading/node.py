"""Peers from the world of Node: Mercurius with JIT and PostGraphile 5, installed by npm at the versions pinned in
bench/peers/package.json, together with the Node that they need."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import orjson

from bench.kit.asking import SetUpError
from bench.kit.programs import Program, program
from bench.reading import cursors
from bench.reading.data import Tenant
from bench.reading.servers import DATABASE, Server, organization
from bench.reading.shapes import Shape, Variables
from runtime.paths import PROJECT
from runtime.processes import free_port
from runtime.servers.throwaway import Throwaway, with_database
from runtime.settings import Settings

SOURCE = PROJECT / "bench" / "peers"
INSTALL_SECONDS = 600

FIELDS_8 = "id: rowId registration serialNumber status manufacturedOn baseAirport totalCycles createdAt"
PAGE = f"""query %s($org: UUID!, $after: Cursor) {{
  allAircrafts(first: %d, after: $after, condition: {{orgId: $org}}, orderBy: [REGISTRATION_ASC]) {{
    nodes {{ {FIELDS_8} version updatedAt }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""
QUERIES = {
    "Q1": f"""query Q1($org: UUID!, $id: UUID!) {{
  aircraftByOrgIdAndRowId(orgId: $org, rowId: $id) {{ {FIELDS_8} }}
}}""",
    "Q2": PAGE % ("Q2", 50),
    "Q3": """query Q3($org: UUID!, $after: Cursor) {
  allUtilisationEntries(
    first: 20, after: $after, condition: {orgId: $org, kind: "FLIGHT"}, orderBy: [CREATED_AT_ASC]
  ) {
    nodes {
      id: rowId flownOn minutes cycles note
      aircraft: aircraftByOrgIdAndAircraftId { id: rowId registration status }
      reporter: userByReporterId { id: rowId name }
      corrections: utilisationEntriesByOrgIdAndAircraftIdAndCorrectsId(
        first: 5, orderBy: [FLOWN_ON_DESC, ROW_ID_DESC]
      ) {
        nodes { id: rowId flownOn minutes note reporter: userByReporterId { id: rowId name } }
      }
    }
  }
}""",
    "Q4": PAGE % ("Q4", 500),
    "Nested": """query Nested($org: UUID!, $after: Cursor) {
  allAircrafts(first: 20, after: $after, condition: {orgId: $org}, orderBy: [REGISTRATION_ASC]) {
    nodes {
      id: rowId registration status
      type: aircraftTypeByOrgIdAndTypeId { id: rowId manufacturer model }
      utilisation: utilisationEntriesByOrgIdAndAircraftId(first: 5, orderBy: [FLOWN_ON_DESC, ROW_ID_DESC]) {
        nodes { id: rowId kind flownOn minutes cycles reporter: userByReporterId { id: rowId name } }
      }
    }
  }
}""",
}
EDGES = """query($org: UUID!) {
  allAircrafts(first: 1000, condition: {orgId: $org}, orderBy: [REGISTRATION_ASC]) { edges { cursor node { rowId } } }
  allUtilisationEntries(first: 10000, condition: {orgId: $org, kind: "FLIGHT"}, orderBy: [CREATED_AT_ASC]) {
    edges { cursor node { rowId } }
  }
}"""


@dataclass
class PostGraphile(Server):
    """The same questions in PostGraphile's own schema, with its own cursors: id of a row -> cursor."""

    cursors: dict[str, str] | None = None

    def request(self, shape: Shape, tenant: Tenant, variables: Variables) -> bytes:
        assert self.cursors is not None
        given: Variables = {"org": str(tenant.id)}
        if "id" in variables:
            given["id"] = variables["id"][3:]
        else:
            given["after"] = self.cursors[cursors.decode(variables["after"])[1]]
        return super().request(replace(shape, elsewhere=QUERIES[shape.name]), tenant, given)

    def learn(self, tenants: list[Tenant]) -> None:
        """Ask for the cursors of all rows that requests may begin after."""
        self.cursors = {}
        for tenant in tenants:
            for connection in self._ask(EDGES, {"org": str(tenant.id)}).values():
                self.cursors |= {edge["node"]["rowId"]: edge["cursor"] for edge in connection["edges"]}

    def _ask(self, query: str, variables: Variables) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.program.port, timeout=60)
        try:
            body = orjson.dumps({"query": query, "variables": variables})
            connection.request("POST", self.path, body, {"content-type": "application/json"})
            answer = orjson.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer.get("errors"):
            raise SetUpError(f"PostGraphile: {answer['errors'][0]}")
        return dict(answer["data"])


def start_peers(stack: ExitStack, servers: Throwaway, tenants: list[Tenant], logs: Path, pool: int) -> Iterator[Server]:
    """Both, running; they stop with the stack."""
    folder = _installed()
    mercurius = _start(stack, servers, logs, pool, folder, "mercurius")
    yield Server("mercurius", "Mercurius with JIT, loaders, pg", mercurius, "/graphql", organization)
    postgraphile = _start(stack, servers, logs, pool, folder, "postgraphile")
    found = PostGraphile("postgraphile", "PostGraphile 5", postgraphile, "/graphql", lambda _: {}, same_answer=False)
    found.learn(tenants)
    yield found


def _start(stack: ExitStack, servers: Throwaway, logs: Path, pool: int, folder: Path, name: str) -> Program:
    port = free_port()
    return stack.enter_context(
        program(
            name,
            [str(folder / "node_modules" / ".bin" / "node"), str(folder / f"{name}.js"), str(port)],
            port,
            logs / f"{name}.log",
            cwd=folder,
            BENCH_DATABASE_URL=with_database(servers.postgres.admin_url, DATABASE),
            BENCH_CONNECTIONS=str(pool),
            NODE_ENV="production",
            GRAPHILE_ENV="production",
        )
    )


def _installed() -> Path:
    """The folder with the packages, made once for each package.json."""
    if shutil.which("npm") is None:
        raise SetUpError("--peers needs node and npm, and npm is not on the PATH; leave --peers out, or install them.")
    wanted = (SOURCE / "package.json").read_bytes()
    folder = Settings().data_dir / "bench" / f"peers-{hashlib.sha256(wanted).hexdigest()[:12]}"
    done = folder / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, folder / file.name)
    if not done.exists():
        command = ["npm", "install", "--no-audit", "--no-fund", "--omit=dev", "--no-package-lock"]
        try:
            subprocess.run(
                command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, env=os.environ
            )
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", "") or str(error)
            raise SetUpError(f"npm could not install the peers: {said[-1000:]}") from None
        done.touch()
    return folder
