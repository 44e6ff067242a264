"""Several provers beside each other: trials out, proofs in, and every lab down at the end, however it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Protocol

from lab.errors import LabError
from lab.keeper.proving.proofs import Proof, Trial, unjudged

_LOOK_SECONDS = 0.2
_CLOSING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Began:
    """A worker took a trial."""

    worker: int
    trial: Trial


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker is at, in a few words."""

    worker: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker came to a proof."""

    worker: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Broke:
    """A worker cannot go on, and so nobody can."""

    worker: int
    error: LabError


Happening = Began | Told | Ended | Broke
Say = Callable[[str], None]


class Proves(Protocol):
    """What a worker needs; `Prover` is one."""

    def prove(self, trial: Trial, say: Say, stop: threading.Event) -> Proof:
        """The proof of one trial."""

    def close(self) -> None:
        """Give back everything that proving took."""


class Pool:
    """Workers on one list of trials. Leaving it stops them and waits until each has taken its lab down."""

    def __init__(self, trials: Sequence[Trial], provers: Sequence[Proves], stop: threading.Event) -> None:
        self._happenings: Queue[Happening | None] = Queue()
        self._waiting: Queue[Trial] = Queue()
        self._stop = stop
        for trial in trials:
            self._waiting.put(trial)
        self._threads = [
            threading.Thread(target=self._work, args=(number, prover), name=f"prover-{number}", daemon=True)
            for number, prover in enumerate(provers, start=1)
        ]

    def happenings(self) -> Iterator[Happening]:
        """
        Start the workers and hand on what happens until all of them are done.

        Raises:
            LabError: one of them cannot go on, for instance because the machine lacks a program.
        """
        try:
            for thread in self._threads:
                thread.start()
            working = len(self._threads)
            while working:
                with suppress(Empty):
                    found = self._happenings.get(timeout=_LOOK_SECONDS)
                    if found is None:
                        working -= 1
                        continue
                    if isinstance(found, Broke):
                        raise found.error
                    yield found
        finally:
            self._stop.set()
            for thread in self._threads:
                if thread.is_alive():
                    thread.join(_CLOSING_SECONDS)

    def _work(self, number: int, prover: Proves) -> None:
        try:
            with suppress(Empty):
                while not self._stop.is_set():
                    self._one(number, prover, self._waiting.get_nowait())
        except LabError as error:
            self._happenings.put(Broke(number, error))
        finally:
            try:
                prover.close()
            except LabError as error:
                self._happenings.put(Told(number, f"{error.title}: {error.message}"))
            self._happenings.put(None)

    def _one(self, number: int, prover: Proves, trial: Trial) -> None:
        self._happenings.put(Began(number, trial))
        try:
            proof = prover.prove(trial, lambda text: self._happenings.put(Told(number, text)), self._stop)
        except LabError:
            raise
        except Exception as error:
            proof = unjudged(trial, "error", 0.0, f"the lab itself failed: {type(error).__name__}: {error}")
        if not self._stop.is_set():
            self._happenings.put(Ended(number, proof))
