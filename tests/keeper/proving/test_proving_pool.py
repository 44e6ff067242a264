"""Workers beside each other: every trial once, every lab down, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.content.loader import load_scenario
from lab.errors import LabError, MissingError
from lab.keeper.proving.pool import Began, Ended, Happening, Pool, Say, Told
from lab.keeper.proving.proofs import Proof, Trial, trials_of, unjudged

FIXTURE = Path(__file__).parents[2] / "fixtures" / "content" / "plain-symptom"
WAIT = 20.0

Act = Callable[[Trial, threading.Event], None]


class FakeProver:
    """Proves at once, after doing what the test wants."""

    def __init__(self, act: Act = lambda trial, stop: None) -> None:
        self.act = act
        self.proven: list[str] = []
        self.closed = threading.Event()

    def prove(self, trial: Trial, say: Say, stop: threading.Event) -> Proof:
        say("at it")
        self.act(trial, stop)
        self.proven.append(trial.name)
        return unjudged(trial, "void", 1.0, "made up")

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def trials() -> tuple[Trial, ...]:
    return trials_of([load_scenario(FIXTURE)], (), (1, 2))


def test_each_trial_is_proven_once_and_every_prover_closed(trials: tuple[Trial, ...]) -> None:
    both = threading.Barrier(2)

    def meet(trial: Trial, stop: threading.Event) -> None:
        if trial is trials[0] or trial is trials[1]:
            both.wait(WAIT)

    provers = [FakeProver(meet), FakeProver(meet)]
    seen: list[Happening] = list(Pool(trials, provers, threading.Event()).happenings())
    assert sorted(provers[0].proven + provers[1].proven) == sorted(trial.name for trial in trials)
    assert all(prover.proven and prover.closed.is_set() for prover in provers)
    assert [sum(isinstance(one, kind) for one in seen) for kind in (Began, Told, Ended)] == [len(trials)] * 3


def test_an_interrupt_stops_the_others_and_waits_until_their_labs_are_down(trials: tuple[Trial, ...]) -> None:
    stop = threading.Event()

    def wait_for_stop(trial: Trial, stop: threading.Event) -> None:
        assert stop.wait(WAIT)

    provers = [FakeProver(wait_for_stop), FakeProver(wait_for_stop)]
    happenings = Pool(trials, provers, stop).happenings()
    assert isinstance(next(happenings), Began)
    with pytest.raises(KeyboardInterrupt):
        happenings.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert stop.is_set()
    assert all(prover.closed.is_set() for prover in provers)
    assert sum(len(prover.proven) for prover in provers) <= 2


def test_what_the_machine_lacks_ends_all_of_it(trials: tuple[Trial, ...]) -> None:
    def lack(trial: Trial, stop: threading.Event) -> None:
        raise MissingError("No Prometheus", "there is none.", "Install one.")

    provers = [FakeProver(lack)]
    with pytest.raises(MissingError):
        list(Pool(trials, provers, threading.Event()).happenings())
    assert provers[0].closed.is_set()


def test_a_fault_of_the_labs_own_is_a_failed_proof_and_the_rest_goes_on(trials: tuple[Trial, ...]) -> None:
    def trip(trial: Trial, stop: threading.Event) -> None:
        if trial is trials[0]:
            raise ZeroDivisionError("by nought")

    ended = [one for one in Pool(trials, [FakeProver(trip)], threading.Event()).happenings() if isinstance(one, Ended)]
    assert len(ended) == len(trials)
    (odd,) = [one.proof for one in ended if one.proof.outcome == "failed"]
    assert "ZeroDivisionError" in odd.why


def test_a_lab_that_does_not_go_down_is_told(trials: tuple[Trial, ...]) -> None:
    class Stuck(FakeProver):
        def close(self) -> None:
            raise LabError("Still there", "the cluster did not answer.", "Wait.")

    seen = list(Pool(trials[:1], [Stuck()], threading.Event()).happenings())
    assert any(isinstance(one, Told) and "Still there" in one.text for one in seen)
