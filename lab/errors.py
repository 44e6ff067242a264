"""
The errors of the lab, as people meet them: a title, what happened, and what to do next.

LabError                      title, message, next_step
  ContentError                problems: located faults of a scenario, lesson, note or setting
  SettingsError               a value of config or environment that cannot be used
  MissingError                something the machine lacks; next_step says what to install
  ClusterError                the Kubernetes API of the lab
    ClusterUnavailable        nothing answers there
    ClusterTimeout            it answered, but did not get ready in time
    NotSupported              a field or verb that this cluster does not serve
    NotFound                  no such object
  RunError                    a command that does not fit the state of the run
  RunVoid                     the lab itself failed; nothing is charged to the learner
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file: where it is, what is wrong, and what to do about it."""

    path: str
    line: int
    where: str
    what: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.where}: {self.what}: {self.next_step}"


class LabError(Exception):
    """An error that a person is shown as a title, a message and a next step, never as a traceback."""

    def __init__(self, title: str, message: str, next_step: str) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message
        self.next_step = next_step


class ContentError(LabError):
    """Content that cannot be used; carries every problem found, not the first."""

    def __init__(self, title: str, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(
            title,
            "\n".join(str(problem) for problem in problems),
            f"Mend the {count} problem{'s' if count != 1 else ''} above.",
        )
        self.problems = tuple(problems)


class SettingsError(LabError):
    """A setting, argument or environment value that cannot be used."""


class MissingError(LabError):
    """Something this machine lacks; the next step says what to install."""


class ClusterError(LabError):
    """The Kubernetes API of the lab refused or failed."""


class ClusterUnavailable(ClusterError):
    """Nothing answers at the address of the cluster."""


class ClusterTimeout(ClusterError):
    """The cluster answered but did not reach the wanted state in time."""


class NotSupported(ClusterError):
    """A field or verb that this cluster does not serve."""


class NotFound(ClusterError):
    """No such object in the cluster."""


class NotAllowed(ClusterError):
    """The account of the lab has no right to that."""


class RunError(LabError):
    """A command that does not fit the phase of the run."""


class RunVoid(LabError):
    """The lab itself failed; the run is void and nothing is charged to the learner."""
