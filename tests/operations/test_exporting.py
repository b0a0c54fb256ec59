"""Spans arrive where the standard variables say: a server of its own, and an OTLP collector that understands them."""

import gzip
import os
import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from runtime import processes
from runtime.paths import PROJECT
from runtime.processes import free_port
from runtime.settings import Settings
from tests.factories.api import connected
from tests.factories.events import until
from tests.factories.identity import Person

QUERY = "query Exported { organization { id name } departments { nodes { name } } }"
RENAME = 'mutation Exporting { createDepartment(input: {name: "Traced"}) { errors { code } } }'


class Collector:
    """Takes spans over OTLP/HTTP, as protobuf."""

    def __init__(self) -> None:
        self.resources: list[dict[str, str]] = []
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                assert self.headers["content-type"] == "application/x-protobuf"
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def take(self, sent: ExportTraceServiceRequest) -> None:
        for resource in sent.resource_spans:
            self.resources.append(_attributes(resource.resource))
            for scope in resource.scope_spans:
                self.spans += scope.spans

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


def _attributes(holder: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in holder.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


async def test_spans_are_exported(
    collector: Collector, own_settings: Settings, someone: Person, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "DATABASE_URL": own_settings.database_url,
        "REDIS_URL": own_settings.redis_url,
        "DATA_DIR": str(own_settings.data_dir),
        "TRACING": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    command = [sys.executable, "-P", "-m", "runtime.cli", "serve", "--port", str(port)]
    server = processes.start(command, log=tmp_path / "log", cwd=PROJECT, env=environment)
    try:
        async with connected(f"http://127.0.0.1:{port}") as client:

            async def up() -> bool:
                try:
                    return (await client.get("/health")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(up, 60)
            headers = {"authorization": f"Bearer {someone.token}"}
            for query in (QUERY, RENAME):
                answer = await client.post("/graphql", json={"query": query}, headers=headers)
                assert "errors" not in answer.json()
    finally:
        processes.stop(server, (signal.SIGTERM, 30.0))  # what waits to be sent is sent before it ends
    assert {each["service.name"] for each in collector.resources} == {"opsgraph"}
    spans = {span.name: span for span in collector.spans}
    read, write = spans["query Exported"], spans["mutation Exporting"]
    assert _attributes(read)["graphql.operation.type"] == "query"
    assert len(_attributes(read)["graphql.document.hash"]) == 64
    [statement] = [span for span in collector.spans if span.parent_span_id == read.span_id]
    assert statement.name == "SELECT"
    assert "organizations" in _attributes(statement)["db.query.text"]
    assert someone.token not in str(collector.spans)
    assert "Traced" not in str(collector.spans)
    written = [span for span in collector.spans if span.trace_id == write.trace_id]
    assert {"INSERT"} <= {span.name for span in written}
    # One for each operation and each statement, none for a field.
    assert not [span for span in collector.spans if span.name in ("organization", "departments", "name")]
