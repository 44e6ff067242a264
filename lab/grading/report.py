"""What grading says: a verdict, two scores, and a line for each point given or lost."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["pass", "fail", "void"]
Side = Literal["operated", "explained"]


class ScoreLine(BaseModel):
    """One part of a score; `why` says what was expected where, and what the record shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Side
    part: str
    points: float
    of: float
    why: str


class Check(BaseModel):
    """An objective or safeguard as judged: pass, fail or unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["objective", "safeguard"]
    verdict: Literal["pass", "fail", "unknown"]
    why: str


class Report(BaseModel):
    """The result of grading one bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    seed: int
    verdict: Verdict
    operated: float
    """0 to 100."""
    explained: float
    """0 to 100."""
    failed: tuple[str, ...]
    """Names of the objectives and safeguards that failed; `explained`, `operated` or `root_cause` for those gates."""
    checks: tuple[Check, ...]
    lines: tuple[ScoreLine, ...]
    bundle: str = ""
    """Path of the bundle, filled in by whoever wrote or read it."""
