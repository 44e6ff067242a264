"""The engines that every test of this folder runs on; a lab of ours keeps the kind cluster up for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from engineboxes import KIND_CLUSTER, Box, Case, in_docker, kubectl, lab_namespaces, rest, run, why_no_kind

ENGINES = (
    pytest.param("embedded", marks=pytest.mark.live),
    pytest.param("kind", marks=pytest.mark.kind),
    pytest.param("context", marks=pytest.mark.kind),
)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs are fetched once for all."""
    return tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture(scope="session")
def holder(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Box]:
    """A lab on kind that stays while others come and go; with it goes the cluster, and Docker is as it was."""
    lacking = why_no_kind()
    if lacking:
        pytest.skip(lacking)
    before = in_docker(KIND_CLUSTER)
    made = Box(tmp_path_factory.mktemp("holder"), cache, "kind")
    try:
        made.up()
        rest(made)
        yield made
    finally:
        done = made.lab("down")
    assert done.code == 0, done.err
    assert made.processes() == []
    assert in_docker(KIND_CLUSTER) <= before
    assert KIND_CLUSTER not in run("kind", "get", "clusters").split()


@pytest.fixture(scope="module", params=ENGINES)
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "embedded":
        return Case("embedded", {}, set)
    holder: Box = request.getfixturevalue("holder")
    kubeconfig = str(holder.status()["kubeconfig"])
    if request.param == "kind":
        return Case("kind", {}, lambda: lab_namespaces(kubeconfig))
    context = kubectl(kubeconfig, "config", "current-context").strip()
    assert context == f"kind-{KIND_CLUSTER}"
    return Case(f"context:{context}", {"KUBECONFIG": kubeconfig}, lambda: lab_namespaces(kubeconfig))


@pytest.fixture(scope="module")
def box(case: Case, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One lab for the tests of a file; when it is down nothing of it is anywhere."""
    before = case.left_in_cluster()
    made = case.box(tmp_path_factory.mktemp("box"), cache)
    try:
        yield made
    finally:
        made.lab("down")
    assert made.processes() == []
    assert case.left_in_cluster() == before
