"""A release archive of a pretended Prometheus, and what a server on loopback does with it, good and bad."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from lab.cluster.programs import Limits

NAME = "prometheus-2.99.1.test-cpu"
QUICK = Limits(connect=2.0, stall=0.3, total=20.0, packages=20.0, attempts=2)


def prometheus_script(version: str) -> str:
    """A program that answers --version as Prometheus does, and does no more."""
    return f'#!/bin/sh\necho "prometheus, version {version} (branch: HEAD, revision: 0)"\n'


def ignore(line: str) -> None:
    """Hears a story and tells nobody."""


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def tarball(files: dict[str, str]) -> bytes:
    """A .tar.gz with these files under the archive's folder; the random padding keeps it larger than one block."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


GOOD = tarball(
    {
        "prometheus": prometheus_script("2.99.1"),
        "promtool": "#!/bin/sh\n",
        "LICENSE": "terms",
        "console.html": hashlib.shake_256(b"padding").hexdigest(300_000),
    }
)


@dataclass
class Host:
    """What the server gives for any address, and what it was asked."""

    body: bytes = GOOD
    status: int = 200
    cut: list[int] = field(default_factory=list)
    """After how many bytes of the answer to end it, one entry for each of the next requests."""
    hang: bool = False
    """Whether a cut answer keeps the connection open in silence."""
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of each request."""
    quiet: threading.Event = field(default_factory=threading.Event)
    """Ends the silence."""
    url: str = ""


class Answers(BaseHTTPRequestHandler):
    host: Host

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.host.ranges.append(asked)
        begin = int(match[1]) if asked and (match := re.fullmatch(r"bytes=(\d+)-", asked)) else 0
        rest = self.host.body[begin:]
        self.send_response(206 if begin and self.host.status == 200 else self.host.status)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if not self.host.cut:
            self.wfile.write(rest)
            return
        self.wfile.write(rest[: self.host.cut.pop(0)])
        self.wfile.flush()
        if self.host.hang:
            self.host.quiet.wait(10)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass
