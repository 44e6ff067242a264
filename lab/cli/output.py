"""How a command speaks: its story on standard error, its result on standard output as text or as one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.errors import (
    ClusterTimeout,
    ClusterUnavailable,
    ContentError,
    LabError,
    MissingError,
    NotSupported,
    RunVoid,
)

OK, FAILED, USAGE, MISSING, TIMED_OUT, VOID = 0, 1, 2, 3, 4, 5
"""Exit codes: fine; the learner's or content's check failed; bad input; something is missing; too late; void."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found: text for a person, the same as JSON, and the exit code."""

    text: str
    json: Mapping[str, Any]
    code: int = OK


@dataclass(frozen=True, slots=True)
class Voice:
    """Where words go: the story to standard error with --json, else to standard output."""

    as_json: bool

    def say(self, line: str) -> None:
        """One sentence of the story, as it happens."""
        print(line, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def give(self, result: Result) -> int:
        """The result, and its exit code."""
        if self.as_json:
            print(json.dumps(result.json, ensure_ascii=False, default=str), flush=True)
        elif result.text:
            print(result.text, flush=True)
        return result.code

    def refuse(self, error: LabError) -> int:
        """An error: title, message and next step, and its exit code."""
        code = exit_code(error)
        if self.as_json:
            words: dict[str, Any] = {
                "error": {"title": error.title, "message": error.message, "next_step": error.next_step}
            }
            if isinstance(error, ContentError):
                words["problems"] = [problem_json(problem) for problem in error.problems]
            print(json.dumps(words, ensure_ascii=False), flush=True)
        print(f"✗ {error.title}\n{error.message}\n→ {error.next_step}", file=sys.stderr, flush=True)
        return code


def problem_json(problem: Any) -> dict[str, Any]:
    """A problem with the keys that `check --json` promises."""
    return {
        "path": problem.path,
        "line": problem.line,
        "where": problem.where,
        "what": problem.what,
        "next_step": problem.next_step,
    }


def exit_code(error: LabError) -> int:
    """The exit code of an error."""
    if isinstance(error, RunVoid):
        return VOID
    if isinstance(error, ClusterTimeout):
        return TIMED_OUT
    if isinstance(error, MissingError | ClusterUnavailable | NotSupported):
        return MISSING
    return USAGE
