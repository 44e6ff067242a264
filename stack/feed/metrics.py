"""What the feed counts."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from stack.common.metrics import DURATION_BUCKETS, component_registry
from stack.feed.outcome import Outcome, ValidAnswer


class FeedMetrics:
    """Planned requests and what they came to."""

    def __init__(self, release: str) -> None:
        self.registry = component_registry("feed", release)
        self.planned = Counter("feed_planned_requests", "Requests that came due.", registry=self.registry)
        self.plans = Counter("feed_plans", "Plans that were put in place while it ran.", registry=self.registry)
        self._outcomes = Counter(
            "feed_requests", "Planned requests by what they came to.", ["outcome"], registry=self.registry
        )
        self._answers = Counter(
            "feed_answers",
            "Valid answers by the model version that gave them.",
            ["model_version", "sha256"],
            registry=self.registry,
        )
        self.durations = Histogram(
            "feed_request_duration_seconds",
            "Seconds from when a request came due to its whole answer, or to giving up.",
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        for outcome in Outcome:
            self._outcomes.labels(outcome.value)

    def decided(self, outcome: Outcome) -> None:
        """Count what a request came to."""
        self._outcomes.labels(outcome.value).inc()

    def answered(self, answer: ValidAnswer) -> None:
        """Count a valid answer, in time or not."""
        self._answers.labels(answer.model_version, answer.sha256).inc()
