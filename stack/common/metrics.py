"""Metrics that the components have in common, and how they are written out."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The content type of `exposition`."""

DURATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of duration histograms, in seconds."""


def component_registry(component: str, release: str) -> CollectorRegistry:
    """A registry of its own with process metrics and `release_info{component, release}`, without `*_created` series."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    info = Gauge("release_info", "The release this process runs.", ["component", "release"], registry=registry)
    info.labels(component, release).set(1)
    return registry


def request_durations(registry: CollectorRegistry) -> Histogram:
    """`request_duration_seconds{code}`: from the request's arrival to its answer, by HTTP status."""
    return Histogram(
        "request_duration_seconds",
        "Seconds from the arrival of a scoring request to its answer.",
        ["code"],
        buckets=DURATION_BUCKETS,
        registry=registry,
    )


def exposition(registry: CollectorRegistry) -> bytes:
    """The registry in Prometheus' text format, content type `CONTENT_TYPE`."""
    return generate_latest(registry)
