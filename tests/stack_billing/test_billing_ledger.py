"""What is charged for what was booked from when to when."""

from __future__ import annotations

from pathlib import Path

import pytest
from billing_pods import NOON, PRICES, page, pod

from stack.billing import ledger as ledgers
from stack.billing.ledger import Ledger
from stack.billing.prices import Sku, read_prices
from stack.billing.source import PodPage, metrics_of, quantities
from stack.common.errors import StartError

PER_HOUR = 0.1 * 0.04 + 0.25 * 0.005
"""What a pod of `pod` costs."""


def hold(ledger: Ledger, seen: PodPage, now: float) -> None:
    amounts, since = quantities(seen)
    ledger.hold(amounts, now, since)


def total(ledger: Ledger, now: float) -> float:
    return sum(ledger.totals(now).values())


def test_a_pod_costs_what_it_requests_for_as_long_as_it_is_there() -> None:
    ledger = Ledger(PRICES)
    hold(ledger, page(pod("a")), NOON)
    assert sum(ledger.hourly().values()) == pytest.approx(PER_HOUR)
    assert total(ledger, NOON + 1800) == pytest.approx(PER_HOUR / 2)
    hold(ledger, page(), NOON + 3600)
    assert sum(ledger.hourly().values()) == 0
    assert total(ledger, NOON + 99_999) == pytest.approx(PER_HOUR)


def test_a_pod_that_was_there_before_is_charged_since_its_node_took_it() -> None:
    ledger = Ledger(PRICES)
    hold(ledger, page(pod("a", since="2026-01-01T11:00:00Z")), NOON)
    assert total(ledger, NOON) == pytest.approx(PER_HOUR)
    hold(ledger, page(pod("a", since="2026-01-01T11:00:00Z", cpu=0.2)), NOON)
    assert total(ledger, NOON) == pytest.approx(PER_HOUR), "what it books anew is not charged for the past"


def test_the_total_is_the_sum_of_every_second_of_a_changing_stack() -> None:
    """The same timeline, summed up second by second by the test: the ledger and its charges agree to 1 %."""
    ledger = Ledger(PRICES)
    script = {
        0: page(pod("a"), pod("b")),
        90: page(pod("a"), pod("b"), *(pod(f"c{n}", "model-server", cpu=0.5, gib=1) for n in range(10))),
        400: page(pod("a"), pod("g", "train", cpu=2, gib=8, gpu=1)),
        4000: page(pod("a")),
    }
    by_second, held = 0.0, page()
    for second in range(7200):
        if second in script:
            held = script[second]
            hold(ledger, held, NOON + second)
        for own in held.pods:
            part = own.containers[0]
            by_second += (part.cpu * 0.04 + part.memory / 2**30 * 0.005 + part.gpu * 0.6) / 3600
        if second % 10 == 0:
            ledger.hold_series(metrics_of("lab-a"), 1.5 + second // 2000, NOON + second)
        by_second += (1.5 + (second // 10 * 10) // 2000) * 0.011 / 3600
    now = NOON + 7200
    assert total(ledger, now) == pytest.approx(by_second, rel=0.01)
    charges = list(ledger.charges(NOON, now, now))
    assert sum(charge.cost for charge in charges) == pytest.approx(total(ledger, now), rel=1e-9)
    first = sum(charge.cost for charge in ledger.charges(NOON, NOON + 1234.5, now))
    rest = sum(charge.cost for charge in ledger.charges(NOON + 1234.5, now + 500, now))
    assert first + rest == pytest.approx(total(ledger, now), rel=1e-9)
    assert all(charge.end <= (charge.start // 3600 + 1) * 3600 for charge in charges)


def test_series_and_pods_do_not_end_each_other() -> None:
    ledger = Ledger(PRICES)
    ledger.hold_series(metrics_of("lab-a"), 2.0, NOON)
    hold(ledger, page(pod("a")), NOON)
    ledger.hold_series(metrics_of("lab-a"), 2.0, NOON + 10)
    assert ledger.hourly()[("prometheus", Sku.SERIES)] == pytest.approx(0.022)
    assert ledger.hourly()[("gateway", Sku.CPU)] == pytest.approx(0.004)


def test_a_pod_of_no_component_is_charged_under_its_own_name() -> None:
    ledger = Ledger(PRICES)
    hold(ledger, page(pod("somebodys-notebook", "", cpu=4, gpu=1)), NOON)
    assert ledger.hourly()[("somebodys-notebook", Sku.GPU)] == pytest.approx(0.6)


def test_a_clock_that_goes_back_charges_nothing_twice() -> None:
    ledger = Ledger(PRICES)
    hold(ledger, page(pod("a")), NOON)
    hold(ledger, page(), NOON - 50)
    assert total(ledger, NOON - 50) == 0


def test_the_oldest_are_forgotten_but_not_what_they_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "MAX_CLOSED", 4)
    ledger = Ledger(PRICES)
    for number in range(10):
        hold(ledger, page(pod(f"p{number}")), NOON + number * 3600)
    now = NOON + 10 * 3600
    assert total(ledger, now) == pytest.approx(10 * PER_HOUR)
    assert len(list(ledger.charges(NOON, now, now))) == 4 + 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("cpu_core_hour: 0.04", "cpu_core_hours: 0.04"), ("gpu_hour: 0.6", ""), ("gpu_hour: 0.6", "gpu_hour: -1"),
        ("gpu_hour: 0.6", "gpu_hour: free"), ("currency: USD", "currency: 5"),
    ],
)  # fmt: skip
def test_a_sheet_with_a_mistake_stops_the_start(tmp_path: Path, change: str, why: str) -> None:
    sheet = (
        "currency: USD\ncpu_core_hour: 0.04\nmemory_gib_hour: 0.005\ngpu_hour: 0.6\n"
        "metric_series_1000_hour: 0.011\nbudget_hour: 0.1\n"
    )
    path = tmp_path / "prices.yaml"
    path.write_text(sheet)
    assert read_prices(path) == PRICES
    path.write_text(sheet.replace(change, why))
    with pytest.raises(StartError, match=r"prices\.yaml: (unknown key|gpu_hour|currency)"):
        read_prices(path)
    with pytest.raises(StartError, match="no price sheet"):
        read_prices(tmp_path / "nothing.yaml")
