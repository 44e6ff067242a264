"""
The first program of every container process: it sees to it that the process does not outlive the cluster.

Run as a script with `-I -S`, so it imports nothing of the lab. Arguments: mode, number, `--`, program's path, argv.
- `linux PARENT_PID`: asks the kernel for SIGKILL when the parent dies (PR_SET_PDEATHSIG, prctl(2)), then execs;
- `pipe FD`: stays as the parent of the program, and kills the process group when FD reaches its end.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 126


def main(arguments: list[str]) -> int:
    """Become the program, or wait for it and end as it ended."""
    mode, number, _, program, *argv = arguments
    if mode == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(number):
            return CANNOT_RUN
        return _become(program, argv)
    return _stay(int(number), program, argv)


def _become(program: str, argv: list[str]) -> int:
    try:
        os.execv(program, argv)  # noqa: S606
    except OSError as error:
        os.write(2, f"{program}: {error.strerror}\n".encode())
    return CANNOT_RUN


def _stay(pipe: int, program: str, argv: list[str]) -> int:
    import threading

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: None)
    child = os.fork()
    if child == 0:
        os.close(pipe)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        os._exit(_become(program, argv))
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(1, 2)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
