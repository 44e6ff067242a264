"""The keeper's ear: a loopback socket that takes one JSON line and gives one back."""

from __future__ import annotations

import hmac
import json
import secrets
import socketserver
import threading
from typing import TYPE_CHECKING

from pydantic import ValidationError

from lab.errors import LabError, RunError
from lab.keeper.commands import answer
from lab.keeper.wire import ENVELOPE, Answer, Failure

if TYPE_CHECKING:
    from lab.keeper.loop import Keeper

_LONGEST_REQUEST = 2_000_000


class _Handler(socketserver.StreamRequestHandler):
    """One request, one answer."""

    timeout = 10
    server: KeeperServer

    def handle(self) -> None:
        try:
            line = self.rfile.readline(_LONGEST_REQUEST)
            if line:
                self.wfile.write(self.server.reply(line).model_dump_json().encode() + b"\n")
        except OSError:
            return


class KeeperServer(socketserver.ThreadingTCPServer):
    """Listens on a free loopback port; every request carries the token."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.token = secrets.token_urlsafe(24)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        """The port it got."""
        return int(self.server_address[1])

    def start(self) -> threading.Thread:
        """Serve in a thread of its own."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        thread.start()
        return thread

    def reply(self, line: bytes) -> Answer:
        """Answer one line; a refusal is an answer too."""
        try:
            envelope = ENVELOPE.validate_json(line)
        except ValidationError:
            return Answer(failure=Failure.of(_unreadable()))
        if not hmac.compare_digest(envelope.token, self.token):
            return Answer(failure=Failure.of(_unreadable()))
        try:
            view = answer(self.keeper, envelope.request)
        except LabError as error:
            return Answer(failure=Failure.of(error))
        return Answer(view=json.loads(view.model_dump_json()))


def _unreadable() -> RunError:
    return RunError(
        "Not understood", "the keeper could not read the request.", "Use the `lab` of the version that began the run."
    )
