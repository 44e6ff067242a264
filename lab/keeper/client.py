"""How CLI, TUI and autopilot speak to the keeper of a run; a dead keeper is restarted from the journal."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from threading import Event

from lab.errors import ClusterTimeout, LabError, RunError
from lab.keeper.files import KeeperAddress, RunFiles
from lab.keeper.process import is_alive, spawn
from lab.keeper.view import RunView
from lab.keeper.wire import (
    Abort,
    Answer,
    AskView,
    Declare,
    Diagnose,
    Envelope,
    GiveUp,
    Request,
    Resolve,
    Submit,
    TakeHint,
    TellQuery,
)

_CONNECT_SECONDS = 15.0
_ANSWER_SECONDS = 60.0


class KeeperClient:
    """One run, seen from outside its keeper; a keeper that it starts gets `environ`, or this process's own."""

    def __init__(self, files: RunFiles, lab_folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.files = files
        self._lab_folder = lab_folder
        self._environ = environ

    def view(self) -> RunView:
        """The public state of the run."""
        return self._ask(AskView())

    def declare(self, severity: str, summary: str = "") -> RunView:
        """Declare an incident."""
        return self._ask(Declare(severity=severity, summary=summary))

    def diagnose(self, cause: str, component: str, change: str | None) -> RunView:
        """Say what it is; the last diagnosis counts."""
        return self._ask(Diagnose(cause=cause, component=component, change=change))

    def hint(self) -> RunView:
        """Take the next hint."""
        return self._ask(TakeHint())

    def resolve(self, *, nothing_wrong: bool = False, reason: str = "") -> RunView:
        """Ask for the end of the incident; a refusal stands in `refused` of the view."""
        return self._ask(Resolve(nothing_wrong=nothing_wrong, reason=reason))

    def give_up(self) -> RunView:
        """End on_call without a fix."""
        return self._ask(GiveUp())

    def tell_query(self, promql: str) -> None:
        """Let the run know of a query, for hints that depend on it."""
        self._ask(TellQuery(promql=promql))

    def submit(self, note: str) -> RunView:
        """Hand the note in; the view then carries the report."""
        return self._ask(Submit(note=note))

    def abort(self, reason: str = "aborted by the learner") -> RunView:
        """End the run without a grade."""
        return self._ask(Abort(reason=reason))

    def ensure(self) -> KeeperAddress:
        """The address of a living keeper, started from the journal if the last one died."""
        address = self.files.address()
        if address is not None and is_alive(address):
            return address
        spawn(self.files, self._lab_folder, self._environ)
        pause = Event()
        for _ in range(int(_CONNECT_SECONDS / 0.05)):
            address = self.files.address()
            if address is not None and is_alive(address):
                return address
            pause.wait(0.05)
        raise ClusterTimeout(
            "The keeper did not start", f"the run {self.files.run_id} has no keeper.", f"Look into {self.files.log}."
        )

    def _ask(self, request: Request) -> RunView:
        address = self.ensure()
        line = Envelope(token=address.token, request=request).model_dump_json().encode() + b"\n"
        try:
            with socket.create_connection(("127.0.0.1", address.port), timeout=_ANSWER_SECONDS) as connection:
                connection.sendall(line)
                with connection.makefile("rb") as stream:
                    answered = stream.readline()
            answer = Answer.model_validate(json.loads(answered))
        except (OSError, ValueError) as error:
            raise LabError(
                "The keeper did not answer", f"{error}", "Repeat the command; a dead keeper is restarted."
            ) from error
        if answer.failure is not None:
            raise answer.failure.error()
        if answer.view is None:
            raise RunError("No answer", "the keeper answered nothing.", "Repeat the command.")
        return RunView.model_validate(answer.view)
