"""Counts and times of HTTP requests, kept in plain numbers: a Prometheus histogram costs ten times as much for
each request, and here it is only made when somebody looks."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class Times:
    """One histogram."""

    __slots__ = ("_bounds", "buckets", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        total, made = 0, []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), list(self.buckets), strict=True):
            total += count
            made.append((bound, float(total)))
        return made


class RequestMetrics(Collector):
    """Requests by route, method and status, and their durations by route. Used by one thread."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, Times] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer. `route` and `method` must come from short lists, never from what a client made up."""
        key = (route, method, status)
        counts = self._counts
        counts[key] = counts.get(key, 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = Times(self._bounds)
        times.observe(seconds)

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
        for route, times in list(self._times.items()):
            seconds.add_metric([route], times.cumulated(), times.total)
        yield seconds
