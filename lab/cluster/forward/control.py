"""Starting, finding and ending the forwarder of one lab, from any process, also after a crash of any of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import lab
from lab.cluster.connection import sweep_keys
from lab.cluster.forward.records import (
    ASKED,
    LOCK,
    LOG,
    RUNNING,
    Asked,
    Running,
    only_forwarder,
    read_asked,
    read_running,
    write_asked,
)
from lab.cluster.forward.relay import HOST
from lab.cluster.processes import has_ended, is_reaped, spawn_detached, start_mark, wait_until
from lab.errors import ClusterTimeout

START_SECONDS = 20.0
GENTLE_SECONDS = 5.0
HARD_SECONDS = 5.0
LOG_LINES = 15


class Forward:
    """The forwarder whose files lie in `folder`; constructing it starts and reads nothing."""

    def __init__(self, folder: Path, *, python: str = sys.executable, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._python = python
        self._environ = environ

    def ensure(self, kubeconfig: Path, namespace: str, services: Sequence[str]) -> None:
        """
        Have at least these Services of the namespace forwarded; nothing is started twice, addresses stay.

        Whether a Service exists does not matter: until it does, its address answers what the API server says.

        Raises:
            ClusterTimeout: the forwarder did not start; the message carries the last lines of its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._exclusive():
            before, target = read_asked(self._folder), (str(kubeconfig), namespace)
            kept = before.services if before and (before.kubeconfig, before.namespace) == target else ()
            wanted = tuple(dict.fromkeys((*kept, *services)))
            running = self._running()
            if running is not None and (running.kubeconfig, running.namespace) != target:
                self._end()
            write_asked(self._folder, Asked(*target, wanted))
            if self._running() is None:
                self._start(kubeconfig, namespace)
            if not wait_until(lambda: self._forwards(wanted), START_SECONDS):
                tail = self._log_tail()
                self._end()
                raise ClusterTimeout(
                    "The forwarder did not start",
                    f"its addresses did not open; the end of its log:\n{tail}",
                    f"Read {self._folder / LOG}, then start again: lab up.",
                )

    def url(self, service: str) -> str | None:
        """The http address of a Service that is forwarded now, or None."""
        running = self._running()
        port = running.ports.get(service) if running is not None else None
        return f"http://{HOST}:{port}" if port is not None else None

    def pids(self) -> tuple[int, ...]:
        """The forwarder's process, where it runs."""
        running = self._running()
        return (running.pid,) if running is not None else ()

    def end(self) -> None:
        """End the forwarder, one that is just starting included; does nothing when there is none."""
        if self._folder.exists():
            with self._exclusive():
                self._end()

    def _start(self, kubeconfig: Path, namespace: str) -> None:
        wait_until(self._is_free, GENTLE_SECONDS)
        target = ["--kubeconfig", str(kubeconfig), "--namespace", namespace, "--state", str(self._folder)]
        argv = [self._python, "-m", "lab.cluster.forward", *target]
        environ = dict(os.environ if self._environ is None else self._environ)
        package_parent = str(Path(lab.__file__).resolve().parent.parent)
        paths = (package_parent, environ.get("PYTHONPATH", ""))
        environ["PYTHONPATH"] = os.pathsep.join(part for part in paths if part)
        log = self._folder / LOG
        log.unlink(missing_ok=True)
        spawn_detached(argv, environ, log)

    def _end(self) -> None:
        """One that has not told of itself yet sees that nothing is asked for, and ends by itself."""
        last, running = read_running(self._folder), self._running()
        (self._folder / ASKED).unlink(missing_ok=True)
        for number, patience in ((signal.SIGTERM, GENTLE_SECONDS), (signal.SIGKILL, HARD_SECONDS)):
            if running is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(running.pid, number)
            if wait_until(lambda: self._is_free() and self._running() is None, patience):
                break
            running = self._running()
        (self._folder / RUNNING).unlink(missing_ok=True)
        if last is not None:
            wait_until(lambda: is_reaped(last.pid), HARD_SECONDS)
            sweep_keys(Path(last.kubeconfig))

    def _forwards(self, services: Sequence[str]) -> bool:
        running = self._running()
        return running is not None and set(services) <= set(running.ports)

    def _running(self) -> Running | None:
        found = read_running(self._folder)
        if found is None or has_ended(found.pid):
            return None
        return found if start_mark(found.pid) == found.started else None

    def _is_free(self) -> bool:
        if not (self._folder / LOCK).exists():
            return True
        with only_forwarder(self._folder) as free:
            return free

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            text = (self._folder / LOG).read_text(encoding="utf-8", errors="replace")
            return "\n".join(text.splitlines()[-LOG_LINES:])
        return "(no log)"

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One who starts or ends it at a time."""
        with (self._folder / "control.lock").open("a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
