"""What the monitor reads of the gateway's log."""

from __future__ import annotations

import msgspec

POLL_SECONDS = 1.0


class PredictionRow(msgspec.Struct):
    """One row of the gateway's log, as far as the monitor reads it."""

    seq: int
    id: str
    p: float
    model_version: str = ""
    replica: str = ""
    features: bytes = b""
    """Twelve little-endian FP32 values; empty where they are not known."""


class PredictionPage(msgspec.Struct):
    """`GET /predictions`."""

    last: int
    predictions: list[PredictionRow]
