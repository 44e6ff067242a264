"""
Measures the whole stack on this machine against the goals: starting, resetting, memory, CPU and grading.

    make bench                           # a table
    python benchmarks/stack.py --json    # one object
    python benchmarks/stack.py --quick   # without playing an incident, so without the grading row
    python benchmarks/stack.py --on kind # one engine alone

It drives the `lab` program as anyone would, in a folder of its own, and takes the stack down again. It asserts nothing.
The rows of kind are there where `lab doctor --on kind` is content.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

SCENARIO = "hangs-now-and-then"
SETTLE_SECONDS = 10.0
WINDOW_SECONDS = 20.0
GRADINGS = 5
RESETS = 3
KIND_CLUSTER = "mlops-lab-bench"
"""Apart from the cluster that the labs of this machine's user share."""
MISSING = 3
"""Exit status of `lab doctor` where something lacks."""
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured, or skipped with the reason as its note; the goal is an upper bound, or None for none."""

    what: str
    value: float | None
    unit: str
    goal: float | None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "skipped"
        return "" if self.goal is None else "met" if self.value <= self.goal else "MISSED"

    @property
    def measured(self) -> str:
        return "" if self.value is None else f"{self.value:.2f} {self.unit}"


class Lab:
    """The `lab` program of this environment, with all that it stores in one folder."""

    def __init__(self, home: Path) -> None:
        self._program = Path(sys.executable).with_name("lab")
        self._home = home

    def run(self, *arguments: str, accepted: tuple[int, ...] = (0,)) -> tuple[dict[str, object], float]:
        """The object that a command printed, and the seconds it took; the story goes to standard error."""
        begin = time.perf_counter()
        done = subprocess.run(
            [self._program, *arguments, "--json"],
            cwd=self._home,
            env={**os.environ, "LAB_HOME": str(self._home), "LAB_KIND_CLUSTER": KIND_CLUSTER},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds = time.perf_counter() - begin
        if done.returncode not in accepted:
            raise SystemExit(f"lab {' '.join(arguments)} ended with exit status {done.returncode}")
        answer: dict[str, object] = json.loads(done.stdout)
        return answer, seconds


def stack_processes(pids: object) -> list[psutil.Process]:
    """The processes that `lab status` names, by list or by name, with all their descendants, each once."""
    named: Iterable[object] = pids.values() if isinstance(pids, dict) else pids if isinstance(pids, list) else ()
    found: dict[int, psutil.Process] = {}
    for pid in named:
        try:
            root = psutil.Process(int(str(pid)))
            found.update({each.pid: each for each in (root, *root.children(recursive=True))})
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def per_process(processes: list[psutil.Process], measure: Callable[[psutil.Process], float]) -> float:
    """The sum over those that still live."""
    total = 0.0
    for process in processes:
        try:
            total += measure(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def memory_bytes(process: psutil.Process) -> float:
    """Memory with shared pages split among those who share them, where the system tells; else the resident size."""
    full = process.memory_full_info()
    return float(getattr(full, "pss", full.rss))


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def offered_rate(urls: object) -> float | None:
    """Requests per second that the feed offers, as Prometheus has it; None where it has no answer."""
    if not isinstance(urls, dict) or "prometheus" not in urls:
        return None
    query = urllib.parse.urlencode({"query": "sum(job:offered_requests:rate15s)"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{urls['prometheus']}/api/v1/query?{query}", timeout=5) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def load(lab: Lab) -> list[Row]:
    """Memory and CPU of the whole stack under the traffic that it comes up with."""
    time.sleep(SETTLE_SECONDS)
    status, _ = lab.run("status")
    processes = stack_processes(status["pids"])
    before, begin = per_process(processes, cpu_seconds), time.perf_counter()
    time.sleep(WINDOW_SECONDS)
    cores = (per_process(processes, cpu_seconds) - before) / (time.perf_counter() - begin)
    rate = offered_rate(status["urls"])
    traffic = "no traffic figure" if rate is None else f"at {rate:.0f} requests/s"
    count = f"{len(processes)} processes"
    return [
        Row("memory, stack in all", per_process(processes, memory_bytes) / _MEGABYTE, "MB", 600, count),
        Row("memory, resident sizes added up", per_process(processes, resident_bytes) / _MEGABYTE, "MB", None, count),
        Row("CPU, stack in all", cores, "cores", 0.2, traffic),
    ]


def resident_bytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def grading(lab: Lab) -> list[Row]:
    """One incident played to the end, then its bundle graded again from the files alone."""
    played, seconds = lab.run("demo", SCENARIO)
    gradings = [lab.run("grade", str(played["bundle"]))[1] for _ in range(GRADINGS)]
    _, bare = lab.run("scenarios")
    return [
        Row(f"incident {SCENARIO} played", seconds, "s", 300, f"verdict {played['verdict']}"),
        Row("grade a bundle", statistics.median(gradings), "s", 0.5, f"with starting the program; bare: {bare:.2f} s"),
    ]


def on_kind() -> list[Row]:
    """Starting and resetting on a real cluster, and the memory of its node."""
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        lab = Lab(Path(folder))
        doctor, _ = lab.run("doctor", "--on", "kind", accepted=(0, MISSING))
        if lacking := lacks(doctor["checks"]):
            return [Row("kind", None, "", None, lacking)]
        try:
            first = lab.run("up", "--on", "kind")[1]
            lab.run("down")
            ready = lab.run("up", "--on", "kind")[1]
            time.sleep(SETTLE_SECONDS)
            memory = node_bytes() / _MEGABYTE
            resets = [lab.run("reset")[1] for _ in range(RESETS)]
        finally:
            lab.run("down")
    return [
        Row("kind: stack ready, first start", first, "s", None, "with pulling and building images, if need be"),
        Row("kind: stack ready, warm images", ready, "s", 90, "with making the cluster"),
        Row("kind: memory of the node", memory, "MB", None, "control plane and stack, as `docker stats` counts"),
        Row("kind: reset", statistics.median(resets), "s", 10, f"median of {RESETS}; worst {max(resets):.1f} s"),
    ]


def lacks(checks: object) -> str:
    """What `lab doctor` finds missing, on one line; nothing where all is well."""
    rows = checks if isinstance(checks, list) else []
    return "; ".join(f"{row['name']}: {row['found']}" for row in rows if not row["ok"])


def node_bytes() -> float:
    """Memory in use by the cluster's node, less what is only cached."""
    node = f"{KIND_CLUSTER}-control-plane"
    argv = ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", node]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("/")[0].strip()
    number = text.rstrip("KMGiB")
    return float(number) * {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[text[len(number) :]]


def on_embedded(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        lab = Lab(Path(folder))
        try:
            rows = [Row("stack ready, first start", lab.run("up")[1], "s", 180, "with fetching Prometheus, if need be")]
            lab.run("down")
            rows.append(Row("stack ready, second start", lab.run("up")[1], "s", 5))
            rows += load(lab)
            rows.append(Row("reset", lab.run("reset")[1], "s", 5))
            if not quick:
                rows += grading(lab)
        finally:
            lab.run("down")
    return rows


def table(rows: list[Row]) -> str:
    lines = [("what", "measured", "goal", "", "note")]
    for row in rows:
        goal = "" if row.goal is None else f"<= {row.goal:g} {row.unit}"
        lines.append((row.what, row.measured, goal, row.verdict, row.note))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the stack against its goals.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="play no incident")
    parser.add_argument("--on", choices=("embedded", "kind"), help="measure this engine alone")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    rows = on_embedded(options.quick) if options.on != "kind" else []
    rows += on_kind() if options.on != "embedded" else []
    if options.json:
        print(json.dumps({"machine": machine, "rows": [{**asdict(row), "verdict": row.verdict} for row in rows]}))
    else:
        print(f"{machine}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
