"""What was used from when to when, and what it comes to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stack.billing.prices import PriceSheet, Sku

HOUR = 3600.0
MAX_CLOSED = 20_000
"""Most ended usages that are kept; the oldest go first, what they cost stays in the totals."""


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """Something that costs money: a container of a pod, or the metrics of all."""

    component: str
    name: str
    """Name of the pod."""
    container: str
    namespace: str
    node: str
    owner: str
    uid: str


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One priced aspect of a resource."""

    resource: Resource
    sku: Sku


@dataclass(slots=True)
class Usage:
    """A quantity of an item that was held from `start` to `end`, in Unix seconds; `end` is None while it is held."""

    item: Item
    quantity: float
    start: float
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What one item cost in one period; `amount` is in unit-hours."""

    item: Item
    start: float
    end: float
    quantity: float
    amount: float
    cost: float


class Ledger:
    """
    All usages, priced by one sheet. Times are Unix seconds and come with every call.

    Cost is `quantity * hours * price`, exact to the moment at which a quantity changed.
    """

    def __init__(self, prices: PriceSheet) -> None:
        self.prices = prices
        self._open: dict[Item, Usage] = {}
        self._closed: deque[Usage] = deque()
        self._forgotten: dict[tuple[str, Sku], float] = {}

    def hold(self, quantities: Mapping[Item, float], now: float, since: Mapping[Resource, float] | None = None) -> None:
        """
        From `now` on these quantities are held and no others of the skus they belong to.

        A resource that was not known before is held since the time in `since`, where that is earlier.
        """
        self._hold(quantities, now, since or {}, {Sku.CPU, Sku.MEMORY, Sku.GPU})

    def hold_series(self, item: Item, thousands: float, now: float) -> None:
        """From `now` on there are so many thousand series."""
        self._hold({item: thousands}, now, {}, {Sku.SERIES})

    def _hold(
        self, quantities: Mapping[Item, float], now: float, since: Mapping[Resource, float], skus: set[Sku]
    ) -> None:
        for item, usage in list(self._open.items()):
            if item.sku in skus and quantities.get(item) != usage.quantity:
                usage.end = max(now, usage.start)
                del self._open[item]
                self._keep(usage)
        known = {usage.item.resource for usage in (*self._closed, *self._open.values())}
        for item, quantity in quantities.items():
            if item not in self._open and quantity > 0:
                began = now if item.resource in known else min(now, since.get(item.resource, now))
                self._open[item] = Usage(item, quantity, began)

    def _keep(self, usage: Usage) -> None:
        self._closed.append(usage)
        while len(self._closed) > MAX_CLOSED:
            gone = self._closed.popleft()
            key = (gone.item.resource.component, gone.item.sku)
            self._forgotten[key] = self._forgotten.get(key, 0.0) + self._charge(gone, gone.start, gone.end or 0.0).cost

    def held(self) -> Iterator[tuple[Item, float]]:
        """Items and quantities that are held now, in order."""
        for item in sorted(self._open):
            yield item, self._open[item].quantity

    def hourly(self) -> dict[tuple[str, Sku], float]:
        """What an hour of what is held now costs, by component and sku."""
        found: dict[tuple[str, Sku], float] = {}
        for item, quantity in self.held():
            key = (item.resource.component, item.sku)
            found[key] = found.get(key, 0.0) + quantity * self.prices.of(item.sku)
        return found

    def totals(self, now: float) -> dict[tuple[str, Sku], float]:
        """What everything has cost until `now`, by component and sku."""
        found = dict(self._forgotten)
        for usage in self._usages():
            key = (usage.item.resource.component, usage.item.sku)
            found[key] = found.get(key, 0.0) + self._charge(usage, usage.start, _end(usage, now)).cost
        return found

    def charges(self, start: float, end: float, now: float) -> Iterator[Charge]:
        """What was held from `start` to `end`, cut at full hours, in order of time."""
        cut = [
            self._charge(usage, low, high)
            for usage in self._usages()
            for low, high in _hours(max(usage.start, start), min(_end(usage, now), end, now))
        ]
        yield from sorted(cut, key=lambda charge: (charge.start, charge.item))

    @property
    def began(self) -> float | None:
        """When the oldest usage that is kept began."""
        return min((usage.start for usage in self._usages()), default=None)

    def _usages(self) -> Iterable[Usage]:
        return (*self._closed, *self._open.values())

    def _charge(self, usage: Usage, start: float, end: float) -> Charge:
        amount = usage.quantity * max(0.0, end - start) / HOUR
        return Charge(usage.item, start, end, usage.quantity, amount, amount * self.prices.of(usage.item.sku))


def _end(usage: Usage, now: float) -> float:
    return max(now, usage.start) if usage.end is None else usage.end


def _hours(start: float, end: float) -> Iterator[tuple[float, float]]:
    while start < end:
        stop = min(end, (start // HOUR + 1) * HOUR)
        yield start, stop
        start = stop
