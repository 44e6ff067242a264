"""A lab of its own on one engine, driven as a user would; and what may be left where when it is down."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import labbox
from tests.labbox import LAB, eventually

__all__ = [
    "KIND_CLUSTER",
    "Box",
    "Case",
    "eventually",
    "in_docker",
    "kubectl",
    "lab_namespaces",
    "rest",
    "run",
    "why_no_kind",
]

KIND_CLUSTER = "mlops-lab-test"
"""Apart from the cluster that the labs of this machine's user share."""


@dataclass(frozen=True, slots=True)
class Box(labbox.Box):
    """A folder with its own LAB_HOME; `on` is said at `up` alone, as a person would."""

    on: str
    extra: dict[str, str] = field(default_factory=dict)

    def more(self) -> dict[str, str]:
        return {"LAB_KIND_CLUSTER": KIND_CLUSTER, **self.extra}

    def up(self) -> Any:
        done = self.lab("up", "--on", self.on, "--json")
        assert done.code == 0, done.err
        return done.json

    def up_until(self, word: str, number: signal.Signals) -> int:
        """
        Start `lab up`, send the signal when a line of its story has the word, and return its exit code.

        SIGINT goes to all that it started as well, as Ctrl-C does in a terminal; any other one to it alone.
        """
        with subprocess.Popen(
            [str(LAB), "up", "--on", self.on],
            env={**self.environ, "PYTHONUNBUFFERED": "1"},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as running:
            assert running.stdout is not None
            told = []
            for line in running.stdout:
                told.append(line)
                if word in line:
                    break
            else:
                raise AssertionError(f"never said {word!r}: {''.join(told)}")
            (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
            rest = running.communicate(timeout=60)[0]
            assert "Traceback" not in rest, rest
            return running.returncode


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


def in_docker(cluster: str) -> set[str]:
    """Every container and volume that Docker knows, running or not, but for containers of other kind clusters."""
    form = '{{.ID}} {{.Label "io.x-k8s.kind.cluster"}}'
    rows = (line.partition(" ") for line in run("docker", "ps", "--all", "--format", form).splitlines())
    volumes = run("docker", "volume", "ls", "--quiet").split()
    return {name for name, _, of in rows if of in ("", cluster)} | set(volumes)


def run(*argv: str) -> str:
    """What a program printed; one that fails fails the test with what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
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
