"""Everything that the monitor knows: takes predictions and outcomes, and says how things stand."""

from __future__ import annotations

from dataclasses import dataclass

from stack.common.features import CARRIERS, NAMES, ORIGINS
from stack.gate.contract import Contract
from stack.gate.rows import PACKED_BYTES, unpack
from stack.monitor.baseline import Baseline, Scores
from stack.monitor.drift import DriftWindow, Span
from stack.monitor.predictions import LONG_WINDOW, SETTLE, WINDOW, Prediction, Predictions
from stack.monitor.quality import Quality, auc, quality_of
from stack.monitor.slices import Slice, slices_of
from stack.monitor.source import PredictionRow

NEWEST, BEFORE, LONG = Span("newest", WINDOW), Span("before", WINDOW, WINDOW), Span("long", LONG_WINDOW)
SPANS = (NEWEST, BEFORE, LONG)
"""The windows that need no outcomes: the newest, the one before it, and a long one for what is weak."""
SETTLED = (Span("newest", WINDOW, SETTLE), Span("before", WINDOW, SETTLE + WINDOW))
"""The windows whose outcomes are known: the newest of these, and the one before it."""

_CARRIER, _ORIGIN = NAMES.index("carrier_c"), NAMES.index("origin_c")


@dataclass(frozen=True, slots=True)
class Report:
    """How things stand."""

    live: Quality
    """The newest window, whatever is known of it."""
    decisions: dict[str, float]
    """Decision rate by window (`NEWEST`, `BEFORE`), NaN until it is full."""
    settled: dict[str, Quality]
    """By window of `SETTLED`."""
    auc: float
    """Of the newest settled window."""
    slices: tuple[Slice, ...]
    """Of the newest window."""
    settled_slices: tuple[Slice, ...]
    """Of the newest settled window."""


class Watch:
    """Takes the rows of the gateway's and the feed's logs."""

    def __init__(self, baseline: Baseline, scores: Scores, contract: Contract | None) -> None:
        self.baseline = baseline
        self.scores = scores
        self.contract = contract
        """What rows have to be like; None counts no violations. May be replaced."""
        self._bins = tuple(baseline.features.values())
        self._log = Predictions()
        self.windows = {span.name: DriftWindow(span, baseline, scores) for span in SPANS}

    def predicted(self, row: PredictionRow) -> None:
        """Take a prediction."""
        item = Prediction(row.id, row.p, version=row.model_version, replica=row.replica)
        if len(row.features) == PACKED_BYTES:
            self._describe(item, unpack(row.features))
        self._log.add(item)
        for window in self.windows.values():
            window.update(self._log)

    def known(self, flight_id: str, late: bool) -> None:
        """Take the outcome of a flight."""
        self._log.known(flight_id, late)

    def decisions(self) -> dict[str, float]:
        """Decision rate by window, `newest` and `before`; NaN until it is full."""
        windows = {span.name: tuple(self._log.window(span.count, span.before)) for span in (NEWEST, BEFORE)}
        return {name: _full(own).decision_rate for name, own in windows.items()}

    def settled(self) -> dict[str, Quality]:
        """The quality of the windows of `SETTLED`, by name; NaN until they are full."""
        return {span.name: _full(tuple(self._log.window(span.count, span.before))) for span in SETTLED}

    def report(self) -> Report:
        """The figures at this moment."""
        newest = tuple(self._log.window(WINDOW))
        settled = tuple(self._log.window(WINDOW, SETTLE))
        return Report(
            live=quality_of(newest),
            decisions=self.decisions(),
            settled=self.settled(),
            auc=auc(settled),
            slices=slices_of(newest),
            settled_slices=slices_of(settled),
        )

    def _describe(self, item: Prediction, values: tuple[float, ...]) -> None:
        item.codes = bytes(bins.code(value) for bins, value in zip(self._bins, values, strict=True))
        item.origin = _named(values[_ORIGIN], ORIGINS)
        item.carrier = _named(values[_CARRIER], CARRIERS)
        if self.contract is not None:
            rules = enumerate(zip(self.contract.features, values, strict=True))
            item.wrong = tuple(place for place, (rule, value) in rules if rule.wrong(value) in ("range", "type"))


def _full(window: tuple[Prediction, ...]) -> Quality:
    return quality_of(window if len(window) == WINDOW else ())


def _named(value: float, names: tuple[str, ...]) -> str:
    return names[int(value)] if 0 <= value < len(names) and value == int(value) else ""
