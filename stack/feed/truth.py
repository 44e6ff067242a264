"""Outcomes of flights, told when they would be known."""

from __future__ import annotations

import heapq
import json
from collections import deque
from dataclasses import dataclass

MEDIAN_DELAY_REQUESTS = 160
"""Half of all outcomes are known within as many requests; in life half are known after 160 minutes."""

CAPACITY = 20_000
"""Known outcomes that are kept."""

MOST_AT_ONCE = 5_000
"""Outcomes in one answer; whoever is further behind asks again."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What became of one flight."""

    seq: int
    id: str
    late: bool


class TruthQueue:
    """
    Holds outcomes back for each flight's real delay, compressed, and numbers them from 1 as they become known.

    Delays stay in proportion, and late flights land later: whoever looks at fresh outcomes only sees too few late
    ones, here as in life.
    """

    def __init__(self, requests_per_second: float, capacity: int = CAPACITY) -> None:
        self.pace(requests_per_second)
        self._pending: list[tuple[float, int, str, bool]] = []
        self._arrivals = 0
        self._known: deque[Truth] = deque(maxlen=capacity)
        self.last = 0
        """Number of the newest known outcome; 0 when there is none."""

    def pace(self, requests_per_second: float) -> None:
        """Take another rate for the delays of flights to come."""
        self._median_seconds = MEDIAN_DELAY_REQUESTS / requests_per_second

    def add(self, flight_id: str, late: bool, lag: float, sent_at: float) -> None:
        """Take the outcome of a flight sent at `sent_at` seconds; `lag` is a multiple of the median delay."""
        self._arrivals += 1
        heapq.heappush(self._pending, (sent_at + lag * self._median_seconds, self._arrivals, flight_id, late))

    def settle(self, now: float) -> None:
        """Make known what is due by `now` seconds."""
        while self._pending and self._pending[0][0] <= now:
            _, _, flight_id, late = heapq.heappop(self._pending)
            self.last += 1
            self._known.append(Truth(self.last, flight_id, late))

    def after(self, seq: int) -> tuple[Truth, ...]:
        """Known outcomes numbered above `seq`, oldest first, not more than `MOST_AT_ONCE`."""
        first = self.last - len(self._known) + 1
        begin = max(seq + 1, first) - first
        return tuple(self._known[index] for index in range(begin, min(begin + MOST_AT_ONCE, len(self._known))))

    def document(self, seq: int) -> bytes:
        """
        `after(seq)` as the JSON document `{"last", "truths"}`.

        `last` is the number of the newest one in the answer, or of all when there is none; a `seq` above it means that
        this process began anew, and that the reader should begin with 0.
        """
        truths = self.after(seq)
        rows = [{"seq": truth.seq, "id": truth.id, "late": int(truth.late)} for truth in truths]
        last = truths[-1].seq if truths else self.last
        return json.dumps({"last": last, "truths": rows}, separators=(",", ":")).encode()
