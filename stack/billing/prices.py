"""The price sheet: what a unit of each thing costs for an hour, and what may be spent."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import yaml

from stack.common.errors import StartError, nearest

GIB = 1024**3


class Sku(StrEnum):
    """What is priced; the value is how metrics and exports call it."""

    CPU = "cpu"
    MEMORY = "memory"
    GPU = "gpu"
    SERIES = "metric_series"


UNITS: dict[Sku, str] = {
    Sku.CPU: "Core-Hours", Sku.MEMORY: "GiB-Hours", Sku.GPU: "GPU-Hours", Sku.SERIES: "1000 Series-Hours",
}  # fmt: skip
"""What one priced unit is; the format is FOCUS' for units."""


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """Prices of one unit for one hour, all in `currency`."""

    currency: str
    cpu_core_hour: float
    memory_gib_hour: float
    gpu_hour: float
    metric_series_1000_hour: float
    budget_hour: float
    """What the whole namespace may cost in an hour."""

    def of(self, sku: Sku) -> float:
        """The price of one unit for an hour."""
        match sku:
            case Sku.CPU:
                return self.cpu_core_hour
            case Sku.MEMORY:
                return self.memory_gib_hour
            case Sku.GPU:
                return self.gpu_hour
            case Sku.SERIES:
                return self.metric_series_1000_hour


def read_prices(path: Path) -> PriceSheet:
    """
    Read a price sheet.

    Raises:
        StartError: it is missing, or a key or value in it is not what a sheet has; names it.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StartError(f"{path}: no price sheet: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise StartError(f"{path}: expected a mapping of prices")
    known = [field.name for field in fields(PriceSheet)]
    for key in document:
        if key not in known:
            raise StartError(f"{path}: unknown key {key}; the nearest known key is {nearest(str(key), known)}")
    for key in known:
        if key not in document:
            raise StartError(f"{path}: {key} is missing")
    currency = document["currency"]
    if not isinstance(currency, str) or not (len(currency) == 3 and currency.isupper()):
        raise StartError(f"{path}: currency: expected three capital letters, found {currency!r}")
    return PriceSheet(currency, **{key: _price(path, key, document[key]) for key in known if key != "currency"})


def _price(path: Path, key: str, value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:  # type: ignore[operator]
        raise StartError(f"{path}: {key}: expected a number from 0 up, found {value!r}")
    return float(value)  # type: ignore[arg-type]
