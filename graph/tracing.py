"""OpenTelemetry spans, one for an operation and one for a statement, never one for a field.

Nothing of OpenTelemetry is imported unless the setting `tracing` is on; it comes with the extra `otel`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from graph.operations import Outcome
from graph.preparing import Known
from runtime.operation_metrics import LONGEST_NAME

NOT_INSTALLED = "TRACING is on, but OpenTelemetry is not installed; install opsgraph with its extra `otel`."


class Tracer:
    """Makes spans; only there when tracing is on."""

    def __init__(self) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise RuntimeError(NOT_INSTALLED) from error
        self._trace = trace
        self._provider: Any = None
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            self._provider = _provider()
            trace.set_tracer_provider(self._provider)
        self._tracer = trace.get_tracer("opsgraph")

    @contextmanager
    def operation(self) -> Iterator[Any]:
        """The span of one operation; `finish` names it when that is known."""
        with self._tracer.start_as_current_span("graphql", kind=self._trace.SpanKind.SERVER) as span:
            yield span

    def finish(self, span: Any, known: Known | None, outcome: Outcome) -> None:
        """Says what the operation was."""
        if known is not None:
            kind = known.kind.value
            # The label, not the name that a client may have invented: span names must be few as well.
            span.update_name(f"{kind} {known.series.name}")
            span.set_attribute("graphql.operation.type", kind)
            span.set_attribute("graphql.operation.name", (known.name or "")[:LONGEST_NAME])
            span.set_attribute("graphql.document.hash", known.sha256)
        if outcome.failed:
            span.set_status(self._trace.StatusCode.ERROR)

    @contextmanager
    def statement(self, sql: str) -> Iterator[None]:
        """The span of one statement. Its text holds parameters' places, never values."""
        with self._tracer.start_as_current_span("SELECT", kind=self._trace.SpanKind.CLIENT) as span:
            span.set_attribute("db.system.name", "postgresql")
            span.set_attribute("db.query.text", sql)
            yield

    def instrument(self, engine: AsyncEngine) -> None:
        """Every statement of the write side gets a span too."""

        def before(_connection: Any, _cursor: Any, sql: str, _parameters: Any, context: Any, _many: bool) -> None:
            span = self._tracer.start_span(sql.lstrip().split(None, 1)[0], kind=self._trace.SpanKind.CLIENT)
            span.set_attribute("db.system.name", "postgresql")
            span.set_attribute("db.query.text", sql)
            context.opsgraph_span = span

        def after(_connection: Any, _cursor: Any, _sql: str, _parameters: Any, context: Any, _many: bool) -> None:
            context.opsgraph_span.end()

        def failed(failure: Any) -> None:
            span = getattr(failure.execution_context, "opsgraph_span", None)
            if span is not None:
                span.set_status(self._trace.StatusCode.ERROR)
                span.end()

        event.listen(engine.sync_engine, "before_cursor_execute", before)
        event.listen(engine.sync_engine, "after_cursor_execute", after)
        event.listen(engine.sync_engine, "handle_error", failed)

    def close(self) -> None:
        """Sends what is still waiting."""
        if self._provider is not None:
            self._provider.shutdown()


def _provider() -> Any:
    """Spans go where the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT and the like) say."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise RuntimeError(NOT_INSTALLED) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "opsgraph"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
