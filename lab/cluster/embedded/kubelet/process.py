"""A container's process: in a session of its own, logged line by line, signalled as a group, ended with the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lab.cluster.embedded import journal
from lab.cluster.embedded.kubelet.logs import LogFile, Stream

SHIM = Path(__file__).with_name("shim.py")
READ_SIZE = 65536
DRAIN_SECONDS = 0.5
"""How long the logs of an ended process are waited for."""


class Lifeline:
    """A pipe whose reading end every container holds where the kernel cannot tell it that the cluster died."""

    def __init__(self, *, by_kernel: bool = sys.platform == "linux") -> None:
        self.by_kernel = by_kernel
        self._ends: tuple[int, int] | None = None

    def reader(self) -> int:
        """The end to hand to a child; the writing end closes with this process."""
        if self._ends is None:
            self._ends = os.pipe()
        return self._ends[0]

    def close(self) -> None:
        """Let go of the pipe: whatever still holds the other end is killed."""
        if self._ends is not None:
            for descriptor in self._ends:
                os.close(descriptor)
            self._ends = None


class Process:
    """One running process of a container. `ended` resolves to its exit code, negative for a signal."""

    def __init__(self, popen: subprocess.Popen[bytes], log: LogFile) -> None:
        self._popen = popen
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._open_streams = 0
        self._drained = asyncio.Event()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self.pid = popen.pid
        for name, pipe in (("stdout", popen.stdout), ("stderr", popen.stderr)):
            assert pipe is not None
            self._follow("stdout" if name == "stdout" else "stderr", pipe.fileno())
        self._await_end()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group, if the process still runs."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill(self, pids: Iterable[int]) -> None:
        """Kill the process group and the given processes, which were seen to descend from it a moment ago."""
        if self.ended.done():
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)

    async def wait(self) -> int:
        """The exit code, once the process ended and its last lines are in the log."""
        code = await asyncio.shield(self.ended)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drained.wait(), DRAIN_SECONDS)
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None and not pipe.closed:
                self._loop.remove_reader(pipe.fileno())
                pipe.close()
        self._log.close()
        return code

    def _follow(self, stream: Stream, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._open_streams += 1

        def readable() -> None:
            try:
                data = os.read(descriptor, READ_SIZE)
            except BlockingIOError:
                return
            if data:
                self._log.write(stream, data)
                return
            self._loop.remove_reader(descriptor)
            self._open_streams -= 1
            if self._open_streams == 0:
                self._drained.set()

        self._loop.add_reader(descriptor, readable)

    def _await_end(self) -> None:
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            threading.Thread(target=self._wait_in_thread, name=f"wait-{self.pid}", daemon=True).start()
            return

        def gone() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._finish()

        self._loop.add_reader(descriptor, gone)

    def _finish(self) -> None:
        """Kill what is left of the group while the pid of its leader cannot be another's, then reap the leader."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self._popen.wait()
        if not self.ended.done():
            self.ended.set_result(code)

    def _wait_in_thread(self) -> None:
        self._popen.wait()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish)


def start(
    argv: Sequence[str],
    *,
    program: str,
    env: Mapping[str, str],
    cwd: Path,
    log: LogFile,
    lifeline: Lifeline,
    state_dir: Path,
) -> Process:
    """Start `program` (a path) with `argv` and exactly the environment `env`; journalled before this returns.

    Raises:
        OSError: the system cannot start another process.
    """
    passed = () if lifeline.by_kernel else (lifeline.reader(),)
    mode = ["linux", str(os.getpid())] if lifeline.by_kernel else ["pipe", str(lifeline.reader())]
    popen = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SHIM), *mode, "--", program, *argv],
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=passed,
        bufsize=0,
    )
    journal.record(state_dir, popen.pid)
    log.open()
    return Process(popen, log)
