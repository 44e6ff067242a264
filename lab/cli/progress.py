"""How proving is shown while it goes on: a line on standard error as each proof ends, and what each lab is at now."""

from __future__ import annotations

from types import TracebackType
from typing import Self, assert_never

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lab.keeper.proving.pool import Began, Broke, Ended, Happening, Told

_MARKS = {"passed": "✓", "failed": "✗", "void": "?"}
_STYLES = {"passed": "green", "failed": "red", "void": "yellow"}


class Progress:
    """Lines for everybody, and below them on a terminal the state of every lab."""

    def __init__(self, total: int) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._total = total
        self._done = 0
        self._trials: dict[int, str] = {}
        self._doing: dict[int, str] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        """One line that stays."""
        self._console.print(Text(text), soft_wrap=True)

    def show(self, happening: Happening) -> None:
        """Take in what happened."""
        match happening:
            case Began(worker=worker, trial=trial):
                self._trials[worker], self._doing[worker] = str(trial), ""
            case Told(worker=worker, text=text):
                self._doing[worker] = text.strip().split("\n")[0]
            case Ended():
                self._ended(happening)
            case Broke(error=error):
                self.line(f"✗ {error.title}: {error.message}")
            case _:
                assert_never(happening)
        if self._live.is_started:
            self._live.update(self._labs(), refresh=True)

    def _ended(self, happening: Ended) -> None:
        proof = happening.proof
        self._done += 1
        self._trials.pop(happening.worker, None)
        said = f"{proof.got}, as it must" if proof.outcome == "passed" else f"{proof.got}: {proof.why}"
        head = Text(f"{_MARKS[proof.outcome]} ", style=_STYLES[proof.outcome])
        text = f"{proof.scenario} {proof.play} (seed {proof.seed}), {proof.seconds:.0f} s: {said}"
        self._console.print(head + Text(f"{text}  [{self._done}/{self._total}]"), soft_wrap=True)

    def _labs(self) -> Group:
        rows = [
            Text(f"  lab {worker}  {trial}  {self._doing.get(worker, '')}", overflow="ellipsis", no_wrap=True)
            for worker, trial in sorted(self._trials.items())
        ]
        return Group(*rows)
