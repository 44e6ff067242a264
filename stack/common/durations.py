"""A histogram of durations for components that answer thousands of requests a second."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from stack.common.metrics import DURATION_BUCKETS


class _Series:
    """One labelled series: how many durations fell into each bucket, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)
        self.total = 0.0


class DurationHistogram(Collector):
    """
    `request_duration_seconds{code}`: from the request's arrival to its answer, by HTTP status.

    It takes no lock, so durations are added and metrics written out on one thread; then it is exact
    whenever it is read.
    """

    def __init__(self, registry: CollectorRegistry, bounds: tuple[float, ...] = DURATION_BUCKETS) -> None:
        self._bounds = bounds
        self._names = [*map(str, map(float, bounds)), "+Inf"]
        self._series: dict[int, _Series] = {}
        registry.register(self)

    def observe(self, code: int, seconds: float) -> None:
        """Add one answer with status `code` that took `seconds`."""
        series = self._series.get(code)
        if series is None:
            series = self._series[code] = _Series(len(self._bounds))
        series.counts[bisect_left(self._bounds, seconds)] += 1
        series.total += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The family as prometheus_client writes it out."""
        family = HistogramMetricFamily(
            "request_duration_seconds", "Seconds from the arrival of a scoring request to its answer.", labels=["code"]
        )
        for code, series in sorted(self._series.items()):
            counts = zip(self._names, map(float, accumulate(series.counts)), strict=True)
            family.add_metric([str(code)], buckets=list(counts), sum_value=series.total)
        yield family

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """The family without series, so that registering collects nothing."""
        yield HistogramMetricFamily(
            "request_duration_seconds", "Seconds from the arrival of a scoring request to its answer.", labels=["code"]
        )
