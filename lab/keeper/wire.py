"""Words between a keeper and its clients: one JSON line each way over loopback, with a token."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lab.errors import LabError, RunError, RunVoid


class Words(BaseModel):
    """Base of all messages."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AskView(Words):
    """The public view of the run."""

    do: Literal["view"] = "view"


class Declare(Words):
    """Declare an incident."""

    do: Literal["declare"] = "declare"
    severity: str
    summary: str = ""


class Diagnose(Words):
    """Say what it is."""

    do: Literal["diagnose"] = "diagnose"
    cause: str
    component: str
    change: str | None = None


class TakeHint(Words):
    """Take the next hint."""

    do: Literal["hint"] = "hint"


class Resolve(Words):
    """Ask for the incident to be accepted as over, or say that nothing is wrong."""

    do: Literal["resolve"] = "resolve"
    nothing_wrong: bool = False
    reason: str = ""


class GiveUp(Words):
    """End on_call without a fix; the note still comes."""

    do: Literal["give_up"] = "give_up"


class TellQuery(Words):
    """The learner ran a query."""

    do: Literal["query"] = "query"
    promql: str


class Submit(Words):
    """Hand the note in."""

    do: Literal["submit"] = "submit"
    note: str


class Abort(Words):
    """End the run without a grade."""

    do: Literal["abort"] = "abort"
    reason: str = "aborted by the learner"


Request = Annotated[
    AskView | Declare | Diagnose | TakeHint | Resolve | GiveUp | TellQuery | Submit | Abort, Field(discriminator="do")
]
"""Everything a keeper may be asked."""


class Envelope(Words):
    """A request with the token of the keeper it is for."""

    token: str
    request: Request


class Failure(Words):
    """A refusal, as a LabError carries it."""

    kind: Literal["run", "void", "other"]
    title: str
    message: str
    next_step: str

    @classmethod
    def of(cls, error: LabError) -> Failure:
        """The words of an error."""
        kind: Literal["run", "void", "other"] = (
            "run" if isinstance(error, RunError) else "void" if isinstance(error, RunVoid) else "other"
        )
        return cls(kind=kind, title=error.title, message=error.message, next_step=error.next_step)

    def error(self) -> LabError:
        """The error that these words stand for."""
        match self.kind:
            case "run":
                return RunError(self.title, self.message, self.next_step)
            case "void":
                return RunVoid(self.title, self.message, self.next_step)
            case "other":
                return LabError(self.title, self.message, self.next_step)


class Answer(Words):
    """What came of a request: a view as JSON, or a failure."""

    view: dict[str, Any] | None = None
    failure: Failure | None = None


ENVELOPE: TypeAdapter[Envelope] = TypeAdapter(Envelope)
