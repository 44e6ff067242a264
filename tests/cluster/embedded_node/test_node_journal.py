"""No process outlives its cluster: the journal reaps, the kernel and the lifeline kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.cluster.embedded import journal
from lab.cluster.embedded.images import LocalImage, lookup, write_catalogue
from lab.cluster.embedded.kubelet import process
from lab.cluster.embedded.kubelet.logs import LogFile, log_parts

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
PARENT = """
import asyncio, os, pathlib, sys
from lab.cluster.embedded.kubelet import process
from lab.cluster.embedded.kubelet.logs import LogFile
state = pathlib.Path(sys.argv[1])
async def main():
    child = process.start([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        program=sys.executable, env={}, cwd=state, log=LogFile(state / "0.log"),
        lifeline=process.Lifeline(by_kernel=sys.argv[2] == "kernel"), state_dir=state)
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        os.sched_yield()


def test_reap_kills_what_is_recorded_and_nothing_else(tmp_path: Path) -> None:
    ours = subprocess.Popen(SLEEPER, start_new_session=True)
    other = subprocess.Popen(SLEEPER)
    try:
        journal.record(tmp_path, ours.pid)
        with (tmp_path / journal.JOURNAL).open("a") as lines:
            lines.write(json.dumps({"pid": other.pid, "started": "long ago"}) + "\n{half a li")
        assert journal.alive(tmp_path) == (ours.pid,)
        assert journal.reap(tmp_path) == 1
        assert ours.wait(10) == -signal.SIGKILL
        assert other.poll() is None
        assert journal.reap(tmp_path) == 0
    finally:
        for child in (ours, other):
            child.kill()
            child.wait()


@pytest.mark.parametrize("how", ["kernel", "pipe"])
def test_children_die_with_a_killed_parent(tmp_path: Path, how: str) -> None:
    if how == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux tells children of their parent's death")
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), how], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    wait_until(lambda: (tmp_path / "0.log").exists() and b"up" in (tmp_path / "0.log").read_bytes())
    assert journal.alive(tmp_path) == (child,)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not journal.alive(tmp_path))


async def test_the_lifeline_shim_passes_exit_codes_and_signals_on(tmp_path: Path) -> None:
    lifeline = process.Lifeline(by_kernel=False)

    def start(text: str, number: int) -> process.Process:
        return process.start(
            [sys.executable, "-u", "-c", text],
            program=sys.executable,
            env={},
            cwd=tmp_path,
            log=LogFile(tmp_path / f"{number}.log"),
            lifeline=lifeline,
            state_dir=tmp_path,
        )

    assert await start("import sys; sys.exit(7)", 0).wait() == 7
    sleeper = start("import time; print('up'); time.sleep(60)", 1)
    deadline = asyncio.get_running_loop().time() + 10
    while b"up" not in (tmp_path / "1.log").read_bytes():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    sleeper.signal(signal.SIGTERM)
    assert await sleeper.wait() == -signal.SIGTERM
    lifeline.close()


def test_catalogue_merges_and_is_read_again(tmp_path: Path) -> None:
    assert lookup(tmp_path, "a:1") is None
    write_catalogue(tmp_path, [LocalImage("a:1", ("run", "a"), {"X": "1"})])
    assert lookup(tmp_path, "a:1") == LocalImage("a:1", ("run", "a"), {"X": "1"})
    write_catalogue(tmp_path, [LocalImage("b:latest", ("run", "b"), {})])
    assert lookup(tmp_path, "a:1") is not None
    found = lookup(tmp_path, "b")
    assert found is not None
    assert found.entrypoint == ("run", "b")


def test_logs_split_long_lines_and_turn_over(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "0.log", clock_ns=lambda: 1_000_000_001, size_limit=40_000)
    log.open()
    log.write("stdout", b"half ")
    log.write("stderr", b"other\n")
    log.write("stdout", b"line\n" + b"x" * 20_000 + b"\n")
    log.close()
    lines = (tmp_path / "0.log").read_text().splitlines()
    assert lines[0] == "1970-01-01T00:00:01.000000001Z stderr F other"
    assert lines[1] == "1970-01-01T00:00:01.000000001Z stdout F half line"
    assert [line.split(" ", 3)[2] for line in lines[2:]] == ["P", "F"]
    log.open()
    for _ in range(3):
        log.write("stdout", b"y" * 15_000 + b"\n")
    log.close()
    parts = log_parts(tmp_path / "0.log")
    assert [part.name for part in parts] == ["0.log.1", "0.log"]
    assert all(part.stat().st_size <= 40_000 for part in parts)
