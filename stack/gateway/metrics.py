"""What the gateway counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Counter, Gauge, Histogram

from stack.common.features import NAMES, ORIGINS
from stack.common.metrics import DURATION_BUCKETS, component_registry, request_durations
from stack.gate.contract import KINDS, Kind
from stack.gateway.breaker import BreakerState
from stack.gateway.judge import METRICS, Metric

FORGET_SECONDS = 60.0
"""How long the series of a replica stay after it is gone, so that its last seconds are still seen."""

DIFFERENCE_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)
"""Upper bounds of the histogram of differences between probabilities."""

SHADOW_OUTCOMES = ("agreed", "differed", "failed", "dropped")


class GatewayMetrics:
    """Durations as the gateway's clients see them, each attempt at a replica, and what the gateway decided."""

    def __init__(self, release: str) -> None:
        self.registry = component_registry("gateway", release)
        self._durations = request_durations(self.registry)
        self._by_status: dict[int, Histogram] = {}
        self._attempts = _Attempts(self)
        self._gone: dict[str, float] = {}
        gauge, counter = self._gauge, self._counter
        self._endpoints = gauge("gateway_endpoints", "Replicas that requests are spread over.")
        self._in_flight = gauge("gateway_in_flight_requests", "Scoring requests that are worked on.")
        self._shed = counter("gateway_shed_requests", "Scoring requests turned away because too many were in flight.")
        self._retries = counter("gateway_retries", "Further attempts, by whether the budget allowed them.", "outcome")
        self._breakers = gauge("gateway_breaker_state", "0 closed, 1 half-open, 2 open.", "track", "replica")
        self._ejections = counter("gateway_ejections", "Times that a breaker opened.", "track")
        self._weights = gauge("gateway_route_weight", "Weight that is in force.", "track")
        self._valid = gauge("gateway_routes_valid", "1 while the routes file can be used, else 0.")
        self._evidence = gauge("gateway_canary_evidence_ratio", "Evidence against a canary; 1 reverts it.", "metric")
        self._rollbacks = counter("gateway_rollbacks", "Canaries reverted, by what they were worse in.", "metric")
        self._shadow = counter("gateway_shadow_requests", "Copies for the shadow, by what came of them.", "outcome")
        self._shadow_difference = self._histogram(
            "gateway_shadow_difference",
            "Largest difference of probabilities between shadow and answer.",
            DIFFERENCE_BUCKETS,
        )
        self._shadow_durations = self._histogram(
            "gateway_shadow_duration_seconds", "Seconds from sending a copy to its whole answer.", DURATION_BUCKETS
        )
        self._checked = counter("data_quality_checked_rows", "Rows of scoring requests checked against the contract.")
        violations = counter("data_quality_violations", "Values that break the contract.", "feature", "kind")
        rows = counter("data_quality_violating_rows", "Rows with such a value, by the airport of the row.", "origin")
        self._violations = {(name, kind): violations.labels(name, kind) for name in NAMES for kind in KINDS}
        self._violating_rows = {origin: rows.labels(origin) for origin in (*ORIGINS, "other")}
        self._contract_valid = gauge("data_contract_valid", "1 while the contract's file can be used, else 0.")
        self._prepare()

    def _prepare(self) -> None:
        """Let what has not happened yet be seen as 0."""
        self._valid.set(1)
        self._contract_valid.set(1)
        for metric in METRICS:
            self._evidence.labels(metric)
            self._rollbacks.labels(metric)
        for outcome in ("granted", "denied"):
            self._retries.labels(outcome)
        for outcome in SHADOW_OUTCOMES:
            self._shadow.labels(outcome)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def answered(self, status: int, seconds: float) -> None:
        """Count a scoring request as its caller saw it."""
        child = self._by_status.get(status)
        if child is None:
            child = self._by_status[status] = self._durations.labels(str(status))
        child.observe(seconds)

    def attempt(self, track: str, replica: str, version: str, code: str, seconds: float | None) -> None:
        """Count an attempt at a replica; `seconds` is None where no answer came."""
        self._attempts.count(track, replica, version, code, seconds)

    def checked(self, rows: int) -> None:
        """Count rows that were checked against the contract."""
        self._checked.inc(rows)

    def violated(self, feature: str, kind: Kind) -> None:
        """Count a value that breaks the contract."""
        self._violations[feature, kind].inc()

    def violating_row(self, origin: str) -> None:
        """Count a row with such a value; `origin` is one of `ORIGINS` or `other`."""
        self._violating_rows[origin].inc()

    def contract_valid(self, valid: bool) -> None:
        """Take whether the contract's file can be used."""
        self._contract_valid.set(valid)

    def shed(self) -> None:
        """Count a request that was turned away."""
        self._shed.inc()

    def retried(self, granted: bool) -> None:
        """Count a further attempt that was wanted."""
        self._retries.labels("granted" if granted else "denied").inc()

    def ejected(self, track: str) -> None:
        """Count a breaker that opened."""
        self._ejections.labels(track).inc()

    def rolled_back(self, metric: Metric) -> None:
        """Count a canary that was taken out."""
        self._rollbacks.labels(metric).inc()

    def shadowed(self, outcome: str, difference: float | None, seconds: float | None) -> None:
        """Count a copy; `difference` and `seconds` are None where there is nothing to compare or nothing came."""
        self._shadow.labels(outcome).inc()
        if difference is not None:
            self._shadow_difference.observe(difference)
        if seconds is not None:
            self._shadow_durations.observe(seconds)

    def now(self, endpoints: int, in_flight: int, routes_valid: bool) -> None:
        """Take how things stand."""
        self._endpoints.set(endpoints)
        self._in_flight.set(in_flight)
        self._valid.set(routes_valid)

    def evidence(self, metric: Metric, ratio: float) -> None:
        """Take how far the evidence against a canary has come."""
        self._evidence.labels(metric).set(ratio)

    def weights(self, weights: Mapping[str, float]) -> None:
        """Take the weights in force as all there are."""
        self._weights.clear()
        for track, weight in weights.items():
            self._weights.labels(track).set(weight)

    def tracks(self, tracks: Iterable[str]) -> None:
        """Let the counters of these tracks be seen from the start."""
        for track in tracks:
            self._ejections.labels(track)

    def breakers(self, states: Mapping[str, Mapping[str, BreakerState]]) -> None:
        """Take the breakers of all replicas, by track."""
        self._breakers.clear()
        for track, by_replica in states.items():
            for replica, state in by_replica.items():
                self._breakers.labels(track, replica).set(state.value)

    def changed(self, gone: Iterable[str], now: float) -> None:
        """Take note of replicas that are gone at `now` seconds, and drop the series of those gone for long."""
        self._gone.update((name, now) for name in gone)
        for name in [name for name, since in self._gone.items() if now - since >= FORGET_SECONDS]:
            del self._gone[name]
            self._attempts.forget(name)

    def attempt_metrics(self) -> tuple[Counter, Histogram]:
        """Make the series that have a replica in their labels."""
        requests = self._counter(
            "gateway_upstream_requests",
            "Attempts at a replica, by HTTP status, or unreachable, broken or deadline where none came.",
            "track", "replica", "model_version", "code",
        )  # fmt: skip
        durations = self._histogram(
            "gateway_upstream_duration_seconds",
            "Seconds from sending a request to a replica to its whole answer.",
            DURATION_BUCKETS,
            "track", "replica", "model_version",
        )  # fmt: skip
        return requests, durations


class _Attempts:
    """Series by replica, with the children at hand, because looking them up by labels takes longer than counting."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._requests, self._durations = metrics.attempt_metrics()
        self._counters: dict[tuple[str, str, str, str], Counter] = {}
        self._timers: dict[tuple[str, str, str], Histogram] = {}

    def count(self, track: str, replica: str, version: str, code: str, seconds: float | None) -> None:
        counter = self._counters.get((track, replica, version, code))
        if counter is None:
            counter = self._requests.labels(track, replica, version, code)
            self._counters[track, replica, version, code] = counter
        counter.inc()
        if seconds is None:
            return
        timer = self._timers.get((track, replica, version))
        if timer is None:
            timer = self._timers[track, replica, version] = self._durations.labels(track, replica, version)
        timer.observe(seconds)

    def forget(self, replica: str) -> None:
        for counted in [labels for labels in self._counters if labels[1] == replica]:
            del self._counters[counted]
            self._requests.remove(*counted)
        for timed in [labels for labels in self._timers if labels[1] == replica]:
            del self._timers[timed]
            self._durations.remove(*timed)
