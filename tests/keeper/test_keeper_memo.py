"""What the autopilot's note takes for the beginning: the dip of its alert, and no other."""

from __future__ import annotations

import pytest

from lab.keeper.memo import began

ALERT, SINCE = 100.0, 70.0


def shares(*bad: tuple[float, float]) -> list[tuple[float, float]]:
    """A share a second from 40 to 130: 0.9 within the given spans, else 1."""
    return [(float(at), 0.9 if any(a <= at <= b for a, b in bad) else 1.0) for at in range(40, 131)]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        pytest.param([(90, 120)], 90.0, id="one dip"),
        pytest.param([(40, 52), (90, 120)], 90.0, id="the stack was just starting"),
        pytest.param([(66, 120)], 70.0, id="bad from the first moment"),
        pytest.param([(72, 74), (92, 120)], 92.0, id="a hiccup before"),
        pytest.param([(84, 86), (92, 120)], 84.0, id="it came in two steps"),
        pytest.param([(72, 74), (104, 110)], 104.0, id="the alert was quicker than the limit"),
        pytest.param([], ALERT, id="never below the limit"),
    ],
)
def test_the_beginning_is_that_of_the_alerts_own_dip(bad: list[tuple[float, float]], expected: float) -> None:
    assert began(shares(*bad), ALERT, SINCE) == expected
