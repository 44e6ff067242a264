"""
Watches whether a canary is worse than what it is to replace, and may be asked after every single request.

A test with a fixed number of requests is wrong when somebody looks earlier: looked at after each request, a 1 % test
says "worse" of an equal canary sooner or later almost surely. What is computed here is the wealth of a gambler who
starts with 1 and bets, request by request, that the canary is worse. The gateway itself draws which request the canary
gets, with probability w. Let a be 1 for those and 0 for the others, x the loss of the request (0 or 1 for an error, a
squared error from 0 to 1), d the margin that is allowed, and c what x was expected to be before it was known, the same
whoever answers. Then

    g = (a - w) (x - c) - a (1 - w) d        E[g] = w (1 - w) (mean of canary - mean of the others - d)

so while the canary is no worse than allowed, every bet of a fraction of the wealth on g is unfavourable, and the
wealth W is a nonnegative supermartingale, whatever the traffic does and however its losses change with time. By
Ville's inequality P(W ever reaches 1 / alpha) <= alpha (Ville 1939). The bets are the mean of several gamblers with
fixed stakes, which is one gambler again. See Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting" (JRSS B 2024), Ramdas, Grunwald, Vovk and Shafer, "Game-theoretic statistics and safe anytime-valid inference"
(Statistical Science 2023), and for counts of events, which c = d = 0 gives, Lindon and Malek, "Anytime-valid inference
for multinomial count data" (NeurIPS 2022).
"""

from __future__ import annotations

from math import exp, log, log1p

STAKES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.65, 0.9)
"""Each gambler's bet, as a fraction of the largest that cannot lose more than there is."""


class Evidence:
    """The wealth of one bet that the canary is worse; natural logarithms throughout."""

    __slots__ = ("_margin", "_peak", "_share", "_wealth")

    def __init__(self, share: float, margin: float = 0.0) -> None:
        """`share` is the probability, strictly between 0 and 1, with which a request goes to the canary."""
        if not 0.0 < share < 1.0:
            raise ValueError(f"a share of requests lies strictly between 0 and 1, not at {share}")
        self._share = share
        self._margin = margin
        self._wealth = [0.0] * len(STAKES)
        self._peak = 0.0

    def add(self, canary: bool, loss: float, expected: float = 0.0) -> None:
        """Take the loss of one request, 0 to 1, and what it was `expected` to be, 0 to 1, from earlier ones alone."""
        share, margin = self._share, self._margin
        if not canary and loss == expected:
            return
        gain = (1.0 - share) * (loss - expected - margin) if canary else share * (expected - loss)
        if gain == 0.0:
            return
        most = max((1.0 - share) * (expected + margin), share * (1.0 - expected))
        self._wealth = [wealth + log1p(stake * gain / most) for wealth, stake in zip(self._wealth, STAKES, strict=True)]
        self._peak = max(self._peak, self.now)

    @property
    def now(self) -> float:
        """The wealth after the newest request."""
        highest = max(self._wealth)
        return highest + log(sum(exp(wealth - highest) for wealth in self._wealth) / len(STAKES))

    @property
    def peak(self) -> float:
        """The most there ever was: if it is no worse, `log(1 / alpha)` is reached with probability alpha at most."""
        return self._peak


class ExpectedLoss:
    """
    The mean loss of earlier requests, flights that were late and flights that were not each for themselves.

    Whether a flight is late does not depend on who scored it, so expecting more of the late ones is fair to both sides,
    and takes most of the scatter out of squared errors. The mean forgets slowly, because traffic changes.
    """

    __slots__ = ("_count", "_mean")

    MEMORY = 400
    """Requests after which older ones fade."""

    def __init__(self) -> None:
        self._mean = [0.06, 0.35]
        self._count = [20, 20]

    def of(self, late: bool) -> float:
        """What the next loss of that kind is expected to be."""
        return self._mean[late]

    def learn(self, late: bool, loss: float) -> None:
        """Take a loss of that kind."""
        self._count[late] = min(self._count[late] + 1, self.MEMORY)
        self._mean[late] += (loss - self._mean[late]) / self._count[late]
