"""What is to be proven, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lab.content.loader import LoadedScenario
from lab.content.model import Play
from lab.content.names import suggestion
from lab.errors import SettingsError
from lab.grading.report import Report

Got = Literal["pass", "fail", "void", "error"]
"""The verdict of the run; `error` where a step could not be taken."""
Outcome = Literal["passed", "failed", "void"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One play of one scenario at one seed, to be proven."""

    loaded: LoadedScenario
    seed: int
    name: str

    @property
    def play(self) -> Play:
        """The play as the proof has it."""
        return self.loaded.proof.plays[self.name]

    def __str__(self) -> str:
        return f"{self.loaded.slug} {self.name} (seed {self.seed})"


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of a trial."""

    scenario: str
    seed: int
    play: str
    expected: Literal["pass", "fail"]
    by: tuple[str, ...]
    """What had to be among what failed."""
    got: Got
    failed: tuple[str, ...]
    """What failed: objectives, safeguards and the gates of grading."""
    seconds: float
    """From the start of the run to its grade; the last try where a void one was repeated."""
    why: str
    """One sentence; for a void run, what the lab could not do."""
    bundle: Path | None = None
    """Evidence of the run, kept where the proof did not pass."""

    def with_bundle(self, bundle: Path | None) -> Proof:
        """The same proof with its evidence elsewhere."""
        return replace(self, bundle=bundle)

    @property
    def outcome(self) -> Outcome:
        """Whether it is as it must be; a void run is neither right nor wrong."""
        if self.got == "void":
            return "void"
        return "passed" if self.got == self.expected and set(self.by) <= set(self.failed) else "failed"


def trials_of(scenarios: Iterable[LoadedScenario], plays: Sequence[str], seeds: Sequence[int]) -> tuple[Trial, ...]:
    """
    Every play (or those named, where a scenario has them) at every seed, scenario by scenario.

    Raises:
        SettingsError: a play is named that none of the scenarios has.
    """
    chosen = tuple(scenarios)
    known = sorted({name for loaded in chosen for name in loaded.proof.plays})
    for name in plays:
        if name not in known:
            what = f"none of these scenarios has a play `{name}`."
            raise SettingsError("No such play", what, suggestion(name, known))
    return tuple(
        Trial(loaded, seed, name)
        for loaded in chosen
        for name in loaded.proof.plays
        if not plays or name in plays
        for seed in seeds
    )


def judged(trial: Trial, report: Report, seconds: float) -> Proof:
    """The proof that a graded run makes."""
    return _proof(trial, report.verdict, report.failed, seconds, _why(trial.play, report), _bundle(report))


def unjudged(trial: Trial, got: Literal["void", "error"], seconds: float, why: str) -> Proof:
    """A run that came to no grade: the lab failed, or a step of the play could not be taken."""
    return _proof(trial, got, (), seconds, why, None)


def _proof(trial: Trial, got: Got, failed: tuple[str, ...], seconds: float, why: str, bundle: Path | None) -> Proof:
    play = trial.play
    return Proof(
        trial.loaded.slug, trial.seed, trial.name, play.verdict, play.by, got, failed, round(seconds, 1), why, bundle
    )


def _bundle(report: Report) -> Path | None:
    return Path(report.bundle) if report.bundle else None


def _why(play: Play, report: Report) -> str:
    """What the checks and gates said, those first that the play is about."""
    said = {check.name: check.why for check in report.checks if check.verdict != "pass"}
    said |= {name: f"scored {score:g}" for name, score in _scores(report) if name in report.failed}
    if "root_cause" in report.failed:
        said["root_cause"] = "not named in both diagnosis and note"
    missing = [name for name in play.by if name not in report.failed]
    parts = [f"{name}: {why}" for name, why in said.items()]
    if missing:
        parts.insert(0, f"did not fail by {', '.join(missing)}")
    return "; ".join(parts) or "every objective and safeguard held"


def _scores(report: Report) -> tuple[tuple[str, float], ...]:
    return (("operated", report.operated), ("explained", report.explained))
