"""One worker that proves: its lab, used again by resetting it, and a run of it for each trial."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock

from lab.errors import ClusterTimeout, ClusterUnavailable, LabError, MissingError, RunVoid
from lab.keeper.autopilot import Autopilot
from lab.keeper.minds import Author
from lab.keeper.proving.grounds import Ground, take_down
from lab.keeper.proving.proofs import Proof, Trial, judged, unjudged
from lab.keeper.runs import StartOptions, end_run, start_run
from lab.operate.lab import Lab

Say = Callable[[str], None]

_THE_LABS_FAULT = (RunVoid, ClusterTimeout, ClusterUnavailable)


class Prover:
    """Plays trials one after another on a lab of its own."""

    def __init__(self, ground: Ground, name: str, starting: Lock, keep: Path) -> None:
        """`starting` lets one stack at a time come up; `keep` is where evidence of proofs that did not pass goes."""
        self._ground = ground
        self._name = name
        self._starting = starting
        self._keep = keep
        self._lab: Lab | None = None

    def prove(self, trial: Trial, say: Say, stop: Event) -> Proof:
        """
        The proof of one trial; one that is void is tried once more, on a fresh lab.

        Raises:
            MissingError: the machine lacks something that no retry brings.
        """
        proof = self._once(trial, say, stop)
        if proof.got != "void" or stop.is_set():
            return proof
        say(f"void, once more: {proof.why}")
        with suppress(LabError):
            self.close()
        return self._once(trial, say, stop)

    def close(self) -> None:
        """Take the lab down; raises LabError when it cannot be."""
        lab, self._lab = self._lab, None
        if lab is not None:
            take_down(lab)

    def _once(self, trial: Trial, say: Say, stop: Event) -> Proof:
        begin = time.monotonic()
        try:
            lab = self._fresh_lab(say, stop)
            begin = time.monotonic()
            return self._kept(self._play(lab, trial, say, stop, begin))
        except MissingError:
            raise
        except _THE_LABS_FAULT as error:
            return unjudged(trial, "void", time.monotonic() - begin, f"{error.title}: {error.message}")
        except LabError as error:
            return unjudged(trial, "error", time.monotonic() - begin, f"{error.title}: {error.message}")

    def _fresh_lab(self, say: Say, stop: Event) -> Lab:
        if self._lab is None:
            self._lab = self._ground.lab(self._name)
        with self._starting:
            if stop.is_set():
                raise RunVoid("Stopped", "the proof was interrupted.", "Run it again.")
            if not self._lab.is_up():
                say("starting the stack")
                self._lab.up(lambda _: None, stop)
            elif not self._lab.is_pristine():
                say("resetting the stack")
                self._lab.reset(lambda _: None, stop)
        return self._lab

    def _play(self, lab: Lab, trial: Trial, say: Say, stop: Event, begin: float) -> Proof:
        options = StartOptions(seed=trial.seed, mode="watch", strike_seconds=trial.loaded.proof.strike_seconds)
        try:
            client = start_run(lab, trial.loaded, options)
            say("waiting for the steady state")
            mind = Author(trial.loaded, client.files)
            report = Autopilot(lab, client, trial.loaded, mind, trial.name, say, stop).run()
        finally:
            end_run(lab, "the proof is over")
        return judged(trial, report, time.monotonic() - begin)

    def _kept(self, proof: Proof) -> Proof:
        """The same proof, with its evidence where it outlives the lab, or without any."""
        kept: Path | None = None
        if proof.bundle is not None and proof.outcome != "passed":
            self._keep.mkdir(parents=True, exist_ok=True)
            kept = Path(shutil.copy(proof.bundle, self._keep / f"{proof.scenario}-{proof.play}-{proof.seed}.json.gz"))
        if proof.bundle is not None:
            proof.bundle.unlink(missing_ok=True)
        return proof.with_bundle(kept)
