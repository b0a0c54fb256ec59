"""Prometheus metrics of one process. Those who do the work observe them; `/metrics` prints them."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from runtime.operation_metrics import OperationMetrics
from runtime.request_metrics import RequestMetrics

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = RequestMetrics(SECONDS)
REGISTRY.register(REQUESTS)
OPERATIONS = OperationMetrics(SECONDS)
REGISTRY.register(OPERATIONS)
SOCKETS = Gauge("opsgraph_websockets", "Open WebSocket connections.", registry=REGISTRY)
STREAMS = Gauge("opsgraph_event_streams", "Open streams of server-sent events.", registry=REGISTRY)
SUBSCRIPTIONS = Gauge("opsgraph_subscriptions", "Running subscriptions.", registry=REGISTRY)
LIVE_CHANNELS = Gauge("opsgraph_live_channels", "Distinct subscriptions to the log.", registry=REGISTRY)
LIVE_RENDERS = Counter(
    "opsgraph_live_renders_total", "Messages made: one for each event and distinct subscription.", registry=REGISTRY
)
LIVE_DELIVERIES = Counter(
    "opsgraph_live_deliveries_total",
    "Messages given to subscribers: live, or missed ones from memory or from the log.",
    ["source"],
    registry=REGISTRY,
)
LIVE_WAITING = Gauge("opsgraph_live_waiting", "Messages that wait for slow connections.", registry=REGISTRY)
LIVE_SLOW = Counter("opsgraph_live_slow_total", "Subscriptions ended because they were slow.", registry=REGISTRY)
RELAY_EVENTS = Counter("opsgraph_relay_events_total", "Events numbered by this process.", registry=REGISTRY)
RELAY_LAG_SECONDS = Gauge(
    "opsgraph_relay_lag_seconds", "Age of the oldest event that is not numbered yet.", registry=REGISTRY
)
NOTIFICATIONS = Counter("opsgraph_notifications_total", "Notifications made by this process.", registry=REGISTRY)
JOBS = Counter("opsgraph_jobs_total", "Jobs finished, by kind and outcome.", ["kind", "outcome"], registry=REGISTRY)
JOB_SECONDS = Histogram(
    "opsgraph_job_seconds", "Time of a job's attempt.", ["kind"], buckets=(*SECONDS, 60.0, 300.0), registry=REGISTRY
)

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def render() -> bytes:
    """The metrics in Prometheus' text format; answer it with CONTENT_TYPE."""
    return generate_latest(REGISTRY)
