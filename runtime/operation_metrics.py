"""Counts and times of GraphQL operations, kept in plain numbers for the reason given in request_metrics."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from runtime.request_metrics import Times

OTHER, ANONYMOUS = "other", "anonymous"
NAMES_KEPT = 200
LONGEST_NAME = 100


class Series(Times):
    """One operation name and kind: how often with which outcome, and how long."""

    __slots__ = ("errors", "kind", "name", "ok", "refused")

    def __init__(self, name: str, kind: str, bounds: tuple[float, ...]) -> None:
        super().__init__(bounds)
        self.name = name
        self.kind = kind
        self.ok = self.errors = self.refused = 0

    def succeeded(self, seconds: float) -> None:
        self.ok += 1
        self.buckets[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds


class OperationMetrics(Collector):
    """Operations by name, kind and outcome. The names of clients are theirs to invent, so only the first NAMES_KEPT
    different ones that are not too long (and those of registered operations) are told apart. Used by one thread."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._series: dict[tuple[str, str], Series] = {}
        self._names: set[str] = set()
        self.statements = Times(bounds)
        self.plans_hit = self.plans_missed = 0

    def series(self, name: str | None, kind: str, *, registered: bool = False) -> Series:
        """Where to count operations of a name."""
        if not name:
            label = ANONYMOUS
        elif name in self._names or registered or (len(self._names) < NAMES_KEPT and len(name) <= LONGEST_NAME):
            self._names.add(name)
            label = name
        else:
            label = OTHER
        found = self._series.get((label, kind))
        if found is None:
            found = self._series[label, kind] = Series(label, kind, self._bounds)
        return found

    def collect(self) -> Iterator[Metric]:
        labels = ["operation", "kind"]
        counts = CounterMetricFamily(
            "opsgraph_operations", "GraphQL operations by outcome (ok, errors, refused).", labels=[*labels, "outcome"]
        )
        seconds = HistogramMetricFamily(
            "opsgraph_operation_seconds", "Time to execute a GraphQL operation.", labels=labels
        )
        for series in list(self._series.values()):
            for outcome in ("ok", "errors", "refused"):
                if count := getattr(series, outcome):
                    counts.add_metric([series.name, series.kind, outcome], count)
            seconds.add_metric([series.name, series.kind], series.cumulated(), series.total)
        yield counts
        yield seconds
        statements = HistogramMetricFamily("opsgraph_statement_seconds", "Time of a compiled read, with its wait.")
        statements.add_metric([], self.statements.cumulated(), self.statements.total)
        yield statements
        plans = CounterMetricFamily(
            "opsgraph_plan_cache", "Look-ups of compiled operations (hit or miss).", labels=["result"]
        )
        plans.add_metric(["hit"], self.plans_hit)
        plans.add_metric(["miss"], self.plans_missed)
        yield plans
