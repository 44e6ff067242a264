"""
How fast the model server is beside the usual ways to serve the same model, all measured in the same run.

    make bench-serving
    python -m benchmarks.serving [--seconds 2] [--rounds 3] [--only NAME ...]

One process of each kind, on one machine with the load; servers take turns within a round, so that what else the machine
does hits all of them. Ours has its checks and metrics on; the others have no metrics and no access log. One request in
flight on each connection. Read the ratios, which are medians over the rounds, and the processor time per request, which
is least disturbed. BentoML and MLServer are installed into `benchmarks/.venvs` the first time.
"""

from __future__ import annotations

import argparse
import json
import pickle
import platform
import statistics
import subprocess
import tempfile
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic

import psutil

from benchmarks.serving_gateway import start_gateway
from benchmarks.serving_load import client_name, put_load
from benchmarks.serving_rivals import INFER, OURS, RIVALS, ROOT, Missing, Place, Rival, body, environment
from stack.registry.versions import resolve

GATEWAY = "gateway + model server"
CONNECTIONS = {1: 32, 32: 8}
"""From rows in a request to connections."""
START_SECONDS = 90
PORTS = 20_600


@dataclass(frozen=True, slots=True)
class Turn:
    """One server under load for a moment; processor time and memory are of all its processes."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time, user and system, in microseconds per request."""
    rss_mb: float


@dataclass(slots=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    processes: list[psutil.Process]
    output: str = ""
    turns: dict[int, list[Turn]] = field(default_factory=dict)


def main() -> None:
    """Start all servers, run the rounds, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2, help="of load on each server in each round, for each size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of the servers to compare, or parts of them")
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name("results") / "serving.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running, skipped = start_all(Path(folder), stack, arguments.only)
        for server in running:
            for rows in CONNECTIONS:
                turn(server, rows, 0.5, Path(folder))
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds}", flush=True)
            for rows in CONNECTIONS:
                for server in running:
                    server.turns.setdefault(rows, []).append(turn(server, rows, arguments.seconds, Path(folder)))
    show(running, skipped)
    arguments.to.parent.mkdir(parents=True, exist_ok=True)
    arguments.to.write_text(json.dumps(record(running, skipped), indent=1) + "\n", encoding="utf-8")
    print(f"written to {arguments.to}")


def start_all(folder: Path, stack: ExitStack, only: list[str] | None) -> tuple[list[Running], dict[str, str]]:
    """Start the servers that are wanted; those that cannot be started, with the reason."""
    running: list[Running] = []
    skipped: dict[str, str] = {}
    onnx, pickled = resolve("champion").path, folder / "model.joblib"
    names = [*(rival.name for rival in RIVALS), GATEWAY]
    wanted = [name for name in names if not only or any(part.lower() in name.lower() for part in only)]
    if any("scikit" in name for name in wanted):
        train_pickle(pickled)
    for number, rival in enumerate(RIVALS):
        if rival.name in wanted:
            own = folder / str(number)
            own.mkdir()
            try:
                running.append(start(rival, Place(PORTS + 10 * number, own, onnx, pickled), stack))
            except Missing as error:
                skipped[rival.name] = str(error)
    ours = next((server for server in running if server.name == OURS), None)
    if GATEWAY in wanted and ours is not None:
        port = PORTS + 10 * len(RIVALS)
        process = start_gateway(port, ours.port, stack)
        await_answer(GATEWAY, process, port, body(1))
        running.append(Running(GATEWAY, port, [psutil.Process(process.pid), *ours.processes]))
    return running, skipped


def train_pickle(path: Path) -> None:
    """The scikit-learn pipeline that those who serve pickles load."""
    from stack.data.pool import load_training
    from stack.trainer.pipeline import train

    path.write_bytes(pickle.dumps(train(load_training().months(1, 1))))


def start(rival: Rival, place: Place, stack: ExitStack) -> Running:
    """
    Start a server and wait until it answers a scoring request.

    Raises:
        Missing: it cannot be started here.
    """
    log = stack.enter_context((place.folder / "log").open("wb"))
    process = subprocess.Popen(
        rival.command(place), env=environment(rival, place), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
    )
    stack.callback(stop, process)
    try:
        await_answer(rival.name, process, place.port, body(1, rival.output))
    except Missing as error:
        said = (place.folder / "log").read_text(errors="replace").strip().splitlines()
        raise Missing(f"{error}: {said[-1] if said else 'it said nothing'}") from error
    return Running(rival.name, place.port, [psutil.Process(process.pid)], rival.output)


def await_answer(name: str, process: subprocess.Popen[bytes], port: int, content: str) -> None:
    """Wait until a server scores; raises Missing when it does not get there."""
    deadline = monotonic() + START_SECONDS
    told = "no answer"
    headers = {"content-type": "application/json"}
    while monotonic() < deadline and process.poll() is None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{INFER}", content.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                if b"data" in answer.read():
                    return
        except OSError as error:
            told = str(error)
        Event().wait(0.2)
    raise Missing(f"{name} did not start ({told})")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its children."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()


def turn(server: Running, rows: int, seconds: float, scratch: Path) -> Turn:
    """Put load on one server."""
    before = cpu_seconds(server)
    load = put_load(server.port, INFER, body(rows, server.output), seconds, CONNECTIONS[rows], scratch)
    used = cpu_seconds(server) - before
    rss = sum(process.memory_info().rss for process in tree(server))
    return Turn(load.requests / load.seconds, load.p50_ms, load.p99_ms, used / load.requests * 1e6, rss / 1e6)


def tree(server: Running) -> list[psutil.Process]:
    """All processes of a server."""
    return [one for top in server.processes for one in (top, *top.children(recursive=True))]


def cpu_seconds(server: Running) -> float:
    """Processor time that its processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in tree(server))


def record(running: list[Running], skipped: dict[str, str]) -> dict[str, object]:
    """All figures, for a file."""
    return {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}",
        "client": client_name(),
        "connections": {str(rows): connections for rows, connections in CONNECTIONS.items()},
        "servers": [
            {"name": server.name, "rows": rows, "turns": [asdict(one) for one in turns]}
            for server in running
            for rows, turns in server.turns.items()
        ],
        "skipped": skipped,
    }


def show(running: list[Running], skipped: dict[str, str]) -> None:
    """Print medians; `ours` is how many times better the model server was in the same round."""
    ours = next((server for server in running if server.name == OURS), None)
    for rows, connections in CONNECTIONS.items():
        title = f"{rows} row{'s' * (rows > 1)} a request, {connections} connections"
        print(f"\n{title:<36}{'req/s':>9}{'ours':>8}{'p50 ms':>9}{'p99 ms':>9}{'cpu us':>9}{'ours':>8}{'RSS MB':>8}")
        for server in running:
            mine = server.turns[rows]
            ratio = saved = ""
            if ours is not None:
                pairs = list(zip(ours.turns[rows], mine, strict=True))
                ratio = f"{statistics.median(our.per_second / my.per_second for our, my in pairs):.1f}x"
                saved = f"{statistics.median(my.cpu_us / our.cpu_us for our, my in pairs):.1f}x"
            median = {part: statistics.median(asdict(one)[part] for one in mine) for part in asdict(mine[0])}
            print(
                f"{server.name:<36}{median['per_second']:>9.0f}{ratio:>8}{median['p50_ms']:>9.2f}"
                f"{median['p99_ms']:>9.2f}{median['cpu_us']:>9.0f}{saved:>8}{median['rss_mb']:>8.0f}"
            )
    for name, reason in skipped.items():
        print(f"\nnot compared: {name}: {reason}")
    print(f"\nload by {client_name()}")


if __name__ == "__main__":
    main()
