"""Counts and times of HTTP requests, kept in plain numbers: a Prometheus histogram costs ten times as much for
each request, and here it is only made when somebody looks."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class RequestMetrics(Collector):
    """Requests by route, method and status, and their durations by route. Used by one thread."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts: dict[tuple[str, str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer. `route` and `method` must come from short lists, never from what a client made up."""
        key = (route, method, status)
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(self._bounds) + 1)
            self._sums[route] = 0.0
        buckets[bisect_left(self._bounds, seconds)] += 1
        self._sums[route] += seconds

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "opsgraph_http_requests", "HTTP requests answered.", labels=["route", "method", "status"]
        )
        for (route, method, status), count in list(self._counts.items()):
            requests.add_metric([route, method, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(
            "opsgraph_http_request_seconds", "Time to answer an HTTP request.", labels=["route"]
        )
        for route, buckets in list(self._buckets.items()):
            total, cumulated = 0, []
            for bound, count in zip((*map(str, self._bounds), "+Inf"), list(buckets), strict=True):
                total += count
                cumulated.append((bound, float(total)))
            seconds.add_metric([route], cumulated, self._sums[route])
        yield seconds
