"""What operators see: metrics by operation name, slow operations, spans."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from db.session import Database
from graph.context import Platform
from graph.operations import Caller, OperationRequest
from runtime.operation_metrics import LONGEST_NAME, NAMES_KEPT, OperationMetrics
from runtime.settings import Settings
from tests.conftest import Server
from tests.factories.api import connected
from tests.factories.identity import Person, actor
from tests.operations.conftest import application, post


async def metrics_of(server: Server) -> str:
    async with connected() as client:
        return (await client.get(f"{server.url}/metrics")).text


async def test_operations_are_counted_by_name(standard: Server, someone: Person) -> None:
    for _ in range(2):
        await post(standard, {"query": "query CountMe { organization { name } }"}, someone.token)
    await post(standard, {"query": "query CountMe { organization { name } }"})
    shown = await metrics_of(standard)
    assert 'opsgraph_operations_total{kind="query",operation="CountMe",outcome="ok"} 2.0' in shown
    assert 'opsgraph_operations_total{kind="query",operation="CountMe",outcome="refused"} 1.0' in shown
    assert 'opsgraph_operation_seconds_count{kind="query",operation="CountMe"} 3.0' in shown
    assert 'opsgraph_plan_cache_total{result="hit"}' in shown
    assert "opsgraph_statement_seconds_bucket" in shown


def test_names_are_bounded() -> None:
    made = OperationMetrics((0.1, 1.0))
    labels = {made.series(f"N{number}", "query").name for number in range(NAMES_KEPT + 50)}
    assert len(labels) == NAMES_KEPT + 1
    assert made.series("New", "query").name == "other"
    assert made.series("Registered", "query", registered=True).name == "Registered"
    assert made.series(None, "mutation").name == "anonymous"


def test_a_name_as_long_as_a_document_is_none() -> None:
    """Each of them would stand in some thirty lines of `/metrics`."""
    made = OperationMetrics((0.1, 1.0))
    assert made.series("N" * LONGEST_NAME, "query").name == "N" * LONGEST_NAME
    assert made.series("N" * (LONGEST_NAME + 1), "query").name == "other"


async def test_slow_operations_are_logged_without_values(own_settings: Settings, someone: Person) -> None:
    query = "query Crawl($w: AircraftFilter, $n: Int) { aircraftList(where: $w, first: $n) { nodes { id } } }"
    sent = {"w": {"registration": {"eq": "D-SECRET"}}, "n": 7, "undeclared": "SECRET"}
    with capture_logs() as lines, application(own_settings, slow_operation_ms=1) as slow:
        await post(slow, {"query": query, "variables": sent}, someone.token)
    [line] = [line for line in lines if line["event"] == "slow operation"]
    assert (line["operation"], line["kind"], len(line["document"])) == ("Crawl", "query", 16)
    assert line["variables"] == {"w": {"registration": {"eq": "string of 8"}}, "n": "int"}
    assert "SECRET" not in str(line)


@pytest.fixture(scope="module")
def spans() -> Iterator[Any]:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


async def test_a_span_for_the_operation_and_one_for_its_statement(
    spans: Any, own_settings: Settings, own_db: Database, someone: Person
) -> None:
    platform = Platform(own_settings.model_copy(update={"tracing": True}))
    who = Caller(await actor(own_db, someone))
    document = "query Spanned { organization { id name slug } aircraftList { nodes { id type { model } } } }"
    await platform.engine.execute(OperationRequest(document), who)
    statement, operation = spans.get_finished_spans()
    assert operation.name == "query Spanned"
    assert operation.attributes["graphql.operation.type"] == "query"
    assert statement.name == "SELECT"
    assert statement.parent.span_id == operation.context.span_id
    spans.clear()
    rename = 'mutation Rename { createDepartment(input: {name: "D"}) { errors { code } } }'
    await platform.engine.execute(OperationRequest(rename), who)
    names = [span.name for span in spans.get_finished_spans()]
    assert names[-1] == "mutation Rename"
    assert "INSERT" in names
    await platform.close()


def test_nothing_of_it_is_imported_when_it_is_off() -> None:
    check = "import graph.app, sys; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
