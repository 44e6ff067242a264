"""A run as its author sees it: onset and alert in seconds, and how far each figure is from its bound."""

from __future__ import annotations

import pytest
from incident_runs import at, quiet_run, solved_run, started

from lab.content.values import Comparison
from lab.incident.record import Samples
from lab.keeper.watch import Gauge, glimpse, sparkline


def test_a_solved_run_tells_when_it_bit_and_how_far_off_it_was() -> None:
    run = solved_run()
    look = glimpse(run.scenario, run.sorted_events, run.samples, at(224))
    assert (look.strike_after, look.onset_after, look.visible_after) == (80, 15, 15)
    (gauge,) = look.objectives
    assert gauge.margin == pytest.approx(0.015)
    assert gauge.worst == pytest.approx(-0.13)
    assert (gauge.held, gauge.hold) == (24, 20)
    assert look.missing == ()
    assert look.bites is not None
    assert look.bites.margin == pytest.approx(-0.029)


def test_before_the_gate_nothing_is_known_yet() -> None:
    look = glimpse(solved_run().scenario, list(started())[:2], Samples(), at(-10))
    assert (look.since_gate, look.strike_after, look.onset_after, look.visible_after) == (None,) * 4
    assert [gauge.margin for gauge in look.objectives] == [None]


def test_a_quiet_run_never_has_an_onset_and_its_figures_are_still_told() -> None:
    run = quiet_run()
    look = glimpse(run.scenario, run.sorted_events, run.samples, at(300))
    assert look.onset_after is None
    assert look.missing == ()
    assert [gauge.margin for gauge in look.objectives] == [pytest.approx(0.019)]


@pytest.mark.parametrize(
    ("bound", "value", "margin"),
    [("> 0.98", 0.99, 0.01), (">= 2", 1, -1), ("< 3", 1, 2), ("<= 3", 4, -1), ("== 2", 2, 0), ("== 2", 5, -3)],
)
def test_a_margin_is_positive_inside_the_bound(bound: str, value: float, margin: float) -> None:
    assert Comparison.parse(bound).margin(value) == pytest.approx(margin)


def test_a_plot_has_its_newest_value_right_and_blanks_for_what_was_not_measured() -> None:
    recent = ((at(30), 0.5), (at(60), 1.0))
    gauge = Gauge("x", Comparison.parse("> 0.75"), 1.0, 0.25, -0.25, 0.0, 20.0, recent)
    plot = sparkline(gauge, 20)
    assert len(plot) == 20
    assert plot[-1] == "█"
    assert plot.count("▁") == 1
    assert plot.count(" ") == 18
    assert sparkline(Gauge("x", gauge.must, None, None, None, 0.0, 20.0, ()), 5) == " " * 5
