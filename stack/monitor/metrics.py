"""What the monitor publishes; everything is computed when Prometheus asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Counter, Gauge

from stack.common.metrics import component_registry, exposition
from stack.monitor.slices import Slice
from stack.monitor.watch import NEWEST, Report, Watch


class MonitorMetrics:
    """Gauges about inputs, scores and live quality."""

    def __init__(self, release: str, watch: Watch) -> None:
        self.registry = component_registry("monitor", release)
        self._watch = watch
        self.failures = Counter(
            "monitor_read_failures", "Logs of gateway or feed that could not be read.", registry=self.registry
        )
        gauge = self._gauge
        self._live_brier = gauge("model_live_brier", "Brier score of the newest predictions whose outcome is known.")
        self._live_labelled = gauge(
            "model_live_labelled_share", "Share of the newest predictions whose outcome is known."
        )
        self._live_predictions = gauge("model_live_predictions", "Newest predictions that the live figures cover.")
        self._feature_psi = gauge("feature_psi", "Distance of a feature from healthy flights.", "feature", "window")
        self._null_share = gauge("feature_null_share", "Share of missing values.", "feature")
        self._wrong_share = gauge("feature_range_violation_share", "Share of values against the contract.", "feature")
        self._prediction_psi = gauge("prediction_psi", "Distance of the score from healthy flights.", "window")
        self._decision_rate = gauge("decision_rate", "Share of flights called late.", "window")
        self._gap = gauge("model_calibration_gap", "Mean probability less share late, settled.", "window")
        self._brier = gauge("model_settled_brier", "Brier score of settled predictions.", "window")
        self._labelled = gauge("model_settled_labelled_share", "Share of settled ones with an outcome.", "window")
        self._auc = gauge("model_live_auc", "Area under the ROC curve of the newest settled predictions.")
        self._slices = {
            "predictions": gauge("slice_predictions", "Newest predictions in a slice.", "slice", "value"),
            "decision_rate": gauge("slice_decision_rate", "Share called late in a slice.", "slice", "value"),
        }
        self._settled_slices = {
            "labelled_share": gauge("slice_labelled_share", "Share with an outcome in a slice.", "slice", "value"),
            "brier": gauge("slice_brier", "Brier score of settled ones in a slice.", "slice", "value"),
            "calibration_gap": gauge("slice_calibration_gap", "Calibration gap in a slice, settled.", "slice", "value"),
        }
        self._baselines(gauge("feature_baseline_null_share", "Share missing in healthy flights.", "feature"))

    def exposition(self) -> bytes:
        """All metrics as they are now."""
        report = self._watch.report()
        self._live(report)
        self._drift()
        self._settled(report)
        _fill(self._slices, report.slices)
        _fill(self._settled_slices, report.settled_slices)
        return exposition(self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _baselines(self, null_share: Gauge) -> None:
        """What does not change while the process runs."""
        watch = self._watch
        for name, bins in watch.baseline.features.items():
            null_share.labels(name).set(bins.null_share)
        self._gauge("decision_rate_baseline", "Share of healthy flights called late.").set(watch.scores.decision_rate)
        self._gauge("model_baseline_brier", "Brier score on healthy flights.").set(watch.scores.brier)

    def _live(self, report: Report) -> None:
        self._live_brier.set(report.live.brier)
        self._live_labelled.set(report.live.labelled_share)
        self._live_predictions.set(report.live.predictions)
        for window, rate in report.decisions.items():
            self._decision_rate.labels(window).set(rate)

    def _drift(self) -> None:
        for window, own in self._watch.windows.items():
            self._prediction_psi.labels(window).set(own.prediction_psi())
            for feature, psi in own.feature_psi().items():
                self._feature_psi.labels(feature, window).set(psi)
        newest = self._watch.windows[NEWEST.name]
        _set(self._null_share, newest.null_shares())
        _set(self._wrong_share, newest.wrong_shares())

    def _settled(self, report: Report) -> None:
        self._auc.set(report.auc)
        for window, quality in report.settled.items():
            self._gap.labels(window).set(quality.calibration_gap)
            self._brier.labels(window).set(quality.brier)
            self._labelled.labels(window).set(quality.labelled_share)


def _set(gauge: Gauge, values: Mapping[str, float]) -> None:
    for label, value in values.items():
        gauge.labels(label).set(value)


def _fill(gauges: Mapping[str, Gauge], slices: Iterable[Slice]) -> None:
    """Take these slices as all there are."""
    for gauge in gauges.values():
        gauge.clear()
    for one in slices:
        for field, gauge in gauges.items():
            gauge.labels(one.kind, one.value).set(getattr(one.quality, field))
