"""Images as Docker really builds and runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import NotFound

import stack
from lab.cluster.images import ImageBuilder, Recipes, connect
from lab.cluster.processes import wait_until
from lab.cluster.provision import ImageSpec
from lab.errors import ClusterError, MissingError

pytestmark = pytest.mark.docker

STACK = Path(stack.__file__).parent
TAG = "0.0.0-test"


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    try:
        found = connect(os.environ)
    except MissingError as error:
        pytest.skip(error.message)
    yield found
    found.close()


@pytest.fixture(scope="module")
def builder(client: DockerClient) -> ImageBuilder:
    return ImageBuilder(client, Recipes(STACK), os.environ)


@pytest.fixture
def release(tmp_path: Path, client: DockerClient) -> Iterator[ImageSpec]:
    path = tmp_path / "release.yaml"
    path.write_text("notes: As it was.\n")
    spec = ImageSpec("model-server", TAG, path)
    yield spec
    client.images.remove(spec.reference, force=True)


def test_a_release_is_built_once_and_again_when_its_file_changes(
    client: DockerClient, builder: ImageBuilder, release: ImageSpec
) -> None:
    said: list[str] = []
    first = builder.ensure([release], said.append)
    made = client.images.get(release.reference)
    said.clear()
    assert builder.ensure([release], said.append) == first
    assert said == []
    assert client.images.get(release.reference).id == made.id
    release.release_file.write_text("notes: Another.\n")
    assert builder.ensure([release], said.append) != first
    assert client.images.get(release.reference).id != made.id
    base = client.images.get(builder.ensure_base(said.append))
    layers = client.images.get(release.reference).attrs["RootFS"]["Layers"]
    assert layers[:-1] == base.attrs["RootFS"]["Layers"]


def test_a_release_runs_as_nobody_on_a_read_only_root(
    client: DockerClient, builder: ImageBuilder, release: ImageSpec
) -> None:
    builder.ensure([release], lambda line: None)
    container = client.containers.run(
        release.reference,
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        healthcheck={"test": ["NONE"]},
    )
    try:
        look = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8601/v2/health/ready').status)"
        assert wait_until(lambda: container.exec_run(["python", "-c", look]).exit_code == 0, 60), (
            container.logs().decode()
        )
        assert container.exec_run("id -u").output.strip() == b"10001"
        assert container.exec_run("cat /app/release.yaml").output == b"notes: As it was.\n"
        assert f"release {TAG} listens" in container.logs().decode()
        for program in ("gcc", "cc", "make"):
            assert container.exec_run(["which", program]).exit_code != 0
        assert container.exec_run("ls /app/stack/trainer").exit_code != 0
    finally:
        container.remove(force=True, v=True)


def test_a_build_that_fails_shows_its_end(client: DockerClient, tmp_path: Path) -> None:
    root = tmp_path / "stack"
    (root / "gateway" / "releases").mkdir(parents=True)
    (root / "__init__.py").write_text("")
    (root / "Dockerfile").write_text("FROM python:3.13-slim\nRUN echo on the way && exit 7\n")
    with pytest.raises(ClusterError) as caught:
        ImageBuilder(client, Recipes(root), os.environ).ensure_base(lambda line: None)
    assert "on the way" in caught.value.message
    assert "exit 7" in caught.value.message


def test_an_image_that_is_nowhere_is_missing(builder: ImageBuilder, client: DockerClient) -> None:
    name = "mlops-lab.invalid/no/such-image:1"
    with pytest.raises(MissingError) as caught:
        builder.ensure_pulled(name, lambda line: None)
    assert f"docker pull {name}" in caught.value.next_step
    with pytest.raises(NotFound):
        client.images.get(name)
