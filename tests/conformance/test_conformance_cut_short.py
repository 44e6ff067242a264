"""On kind, an up ended by Ctrl-C or kill -9 at any of its five steps is finished by the next one, or undone by down."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engineboxes import KIND_CLUSTER, Box, eventually, in_docker, lab_namespaces, run, why_no_kind

from lab.operate.platform import previous_tags

pytestmark = [pytest.mark.kind, pytest.mark.timeout(900)]

ALONE = "mlops-lab-cut"
IMAGE = f"mlops-lab/monitor:{previous_tags(Path('stack/platform').resolve())['monitor']}"


def as_it_is() -> None:
    """Nothing to prepare."""


def unbuilt() -> None:
    """One image has to be built again; it comes out the same."""
    run("docker", "rmi", "--force", IMAGE)


def unloaded() -> None:
    """The node lacks one image."""
    ctr = ("ctr", "--namespace", "k8s.io", "images", "rm")
    run("docker", "exec", f"{KIND_CLUSTER}-control-plane", *ctr, f"docker.io/{IMAGE}")


@dataclass(frozen=True, slots=True)
class Step:
    """A word of the story of `lab up`, and what makes it come."""

    word: str
    prepare: Callable[[], None] = as_it_is


STEPS = {
    "build": Step(f"building {IMAGE}", unbuilt),
    "load": Step("loading ", unloaded),
    "apply": Step("applying the platform repo"),
    "wait": Step(" is ready"),
}
CREATING = Step("kind: Starting control-plane")


@dataclass(frozen=True, slots=True)
class Cut:
    """A lab whose start is cut short, and what there is where it leaves nothing."""

    box: Box
    left: Callable[[], set[str]]
    before: set[str]

    def short(self, step: Step, number: signal.Signals) -> None:
        step.prepare()
        assert self.box.up_until(step.word, number) == (130 if number == signal.SIGINT else -number)

    def undone(self) -> None:
        """Down, and nothing of it is anywhere."""
        done = self.box.lab("down")
        assert done.code == 0, done.err
        eventually(lambda: self.box.processes() == [], 30, "no process of the lab is left")
        assert self.left() == self.before

    def finished(self) -> None:
        """Up, with what makes an undo possible."""
        assert self.box.up()["ready"] is True
        undo = self.box.lab("ops", "rollout", "undo", "deployment/model-server")
        assert undo.code == 0, undo.err


@pytest.fixture
def warm(holder: Box, cache: Path, tmp_path: Path) -> Iterator[Cut]:
    """One on the cluster that another lab keeps."""
    kubeconfig = str(holder.status()["kubeconfig"])

    def left() -> set[str]:
        return lab_namespaces(kubeconfig) | in_docker(KIND_CLUSTER)

    cut = Cut(Box(tmp_path, cache, "kind"), left, left())
    try:
        yield cut
    finally:
        cut.box.lab("down")


@pytest.fixture
def alone(cache: Path, tmp_path: Path) -> Iterator[Cut]:
    """One that makes and removes the cluster itself."""
    if lacking := why_no_kind():
        pytest.skip(lacking)

    def left() -> set[str]:
        return in_docker(ALONE) | {name for name in run("kind", "get", "clusters").split() if name == ALONE}

    cut = Cut(Box(tmp_path, cache, "kind", {"LAB_KIND_CLUSTER": ALONE}), left, left())
    try:
        yield cut
    finally:
        cut.box.lab("down")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("name", STEPS)
def test_on_a_cluster_that_others_use(warm: Cut, name: str, number: signal.Signals) -> None:
    warm.short(STEPS[name], number)
    warm.undone()
    warm.short(STEPS[name], number)
    warm.finished()
    warm.undone()


def test_while_the_cluster_is_made(alone: Cut) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        alone.short(CREATING, number)
        alone.undone()
    alone.short(CREATING, signal.SIGINT)
    alone.short(CREATING, signal.SIGKILL)
    alone.finished()
    alone.undone()
