"""What the gateway counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Gauge, Histogram

from stack.common.metrics import DURATION_BUCKETS, component_registry, request_durations

UNKNOWN_VERSION = "unknown"
"""The model version of an attempt that brought no prediction."""

FORGET_SECONDS = 60.0
"""How long the series of a replica stay after it is gone, so that its last seconds are still seen."""


class GatewayMetrics:
    """Durations as the gateway's clients see them, and each attempt at a replica."""

    def __init__(self, release: str, replicas: Callable[[], float]) -> None:
        self.registry = component_registry("gateway", release)
        self.durations = request_durations(self.registry)
        self._upstream_durations = Histogram(
            "gateway_upstream_duration_seconds",
            "Seconds from sending a request to a replica to its whole answer.",
            ["replica", "model_version"],
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self._upstream_requests = Counter(
            "gateway_upstream_requests",
            "Attempts at a replica, by HTTP status, or unreachable, broken or deadline where none came.",
            ["replica", "model_version", "code"],
            registry=self.registry,
        )
        ready = Gauge("gateway_endpoints", "Replicas that requests are spread over.", registry=self.registry)
        ready.set_function(replicas)
        self._counted: dict[str, set[tuple[str, str]]] = {}
        self._timed: dict[str, set[str]] = {}
        self._gone: dict[str, float] = {}

    def attempt(self, replica: str, model_version: str, code: str, seconds: float | None) -> None:
        """Count an attempt at a replica; `seconds` is None where no answer came."""
        self._counted.setdefault(replica, set()).add((model_version, code))
        self._upstream_requests.labels(replica, model_version, code).inc()
        if seconds is not None:
            self._timed.setdefault(replica, set()).add(model_version)
            self._upstream_durations.labels(replica, model_version).observe(seconds)

    def changed(self, gone: Iterable[str], now: float) -> None:
        """Take note of replicas that are gone at `now` seconds, and drop the series of those gone for long."""
        self._gone.update((name, now) for name in gone)
        for name in [name for name, since in self._gone.items() if now - since >= FORGET_SECONDS]:
            del self._gone[name]
            for model_version, code in self._counted.pop(name, ()):
                self._upstream_requests.remove(name, model_version, code)
            for model_version in self._timed.pop(name, ()):
                self._upstream_durations.remove(name, model_version)
