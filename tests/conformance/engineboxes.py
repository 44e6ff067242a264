"""A lab of its own on one engine, driven as a user would; and what may be left where when it is down."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

LAB = Path(sys.prefix) / "bin" / "lab"
KIND_CLUSTER = "mlops-lab-test"
"""Apart from the cluster that the labs of this machine's user share."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Box:
    """A folder with its own LAB_HOME; `on` is said at `up` alone, as a person would."""

    folder: Path
    cache: Path
    on: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        home = self.folder / "home"
        if not home.exists():
            home.mkdir(parents=True)
            self.cache.mkdir(parents=True, exist_ok=True)
            (home / "cache").symlink_to(self.cache)
        clean = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        return {**clean, "LAB_HOME": str(home), "LAB_KIND_CLUSTER": KIND_CLUSTER, **self.extra}

    def lab(self, *argv: str, timeout: float = 400) -> Done:
        """Run one command to its end; a traceback is a failure whatever it was."""
        done = subprocess.run(
            [str(LAB), *argv],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def up(self) -> Any:
        done = self.lab("up", "--on", self.on, "--json")
        assert done.code == 0, done.err
        return done.json

    def status(self) -> Any:
        return self.lab("status", "--json").json

    def up_until(self, word: str, number: signal.Signals) -> int:
        """Start `lab up`, send it the signal when a line of its story has the word, and return its exit code."""
        with subprocess.Popen(
            [str(LAB), "up", "--on", self.on],
            env={**self.environ, "PYTHONUNBUFFERED": "1"},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            assert running.stdout is not None
            told = []
            for line in running.stdout:
                told.append(line)
                if word in line:
                    break
            else:
                raise AssertionError(f"never said {word!r}: {''.join(told)}")
            running.send_signal(number)
            rest = running.communicate(timeout=60)[0]
            assert "Traceback" not in rest, rest
            return running.returncode

    def processes(self) -> list[psutil.Process]:
        """Every process that has this box's folder in its command line or environment."""
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline()) + " ".join(process.environ().values())
            except psutil.Error:
                continue
            if str(self.folder) in words and process.pid != os.getpid():
                found.append(process)
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """One engine, what boxes on it need, and how to see what labs left in its cluster."""

    on: str
    extra: dict[str, str]
    left_in_cluster: Callable[[], set[str]]

    @property
    def is_embedded(self) -> bool:
        return self.on == "embedded"

    def box(self, folder: Path, cache: Path) -> Box:
        return Box(folder, cache, self.on, self.extra)


def lab_namespaces(kubeconfig: str) -> set[str]:
    """Namespaces that labs made in a real cluster."""
    found = kubectl(kubeconfig, "get", "namespaces", "--selector", "mlops-lab/lab", "--output", "name")
    return set(found.split())


def kubectl(kubeconfig: str, *argv: str, text: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", "--kubeconfig", kubeconfig, *argv],
        input=text, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def rest(holder: Box) -> None:
    """Let its pods go until somebody needs them: a small machine has no room for three stacks."""
    status = holder.status()
    where = (str(status["kubeconfig"]), "--namespace", status["namespace"])
    kubectl(*where, "scale", "deployment", "--all", "--replicas=0")


def why_no_kind() -> str | None:
    """Why suites on kind cannot run here, or None."""
    for program in ("docker", "kind", "kubectl"):
        if shutil.which(program) is None:
            return f"{program} is not on PATH"
    done = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=60, check=False)
    return None if done.returncode == 0 else "the Docker engine does not answer"


def eventually(look: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until it holds, else fail with what was awaited."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.2)
