"""What images are made of: derived requirements, files, labels."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

import stack
from lab.cluster.images.labels import CONTENT_LABEL, content_hash
from lab.cluster.images.recipes import Recipe, Recipes, labels_of
from lab.cluster.images.requirements import declared_requirements, footprint, stack_requirements
from lab.cluster.provision import ImageSpec

STACK = Path(stack.__file__).parent


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_only_what_components_reach_is_part_of_the_image(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "stack",
        {
            "gateway/releases/1.yaml": "",
            "gateway/app.py": "import numpy.linalg\nfrom stack.wire.server import x\nfrom stack import common",
            "wire/server.py": "import msgspec",
            "common/a.py": "import uvicorn\nuvicorn.Config(http='httptools', loop='no such-name')",
            "trainer/fit.py": "import sklearn",
        },
    )
    found = footprint(root)
    assert found.packages == ("common", "gateway", "wire")
    assert {"numpy", "msgspec", "uvicorn", "httptools"} <= found.names
    assert "sklearn" not in found.names


def test_requirements_keep_the_versions_that_the_project_declares() -> None:
    declared = ("prometheus-client>=0.21", "PyYAML>=6.0.2", "textual>=8.2,<9", "numpy>=2.0")
    providers = {"prometheus_client": ["prometheus_client"], "yaml": ["PyYAML"], "numpy": ["numpy"], "starlette": ["x"]}
    names = ("yaml", "prometheus_client", "numpy", "starlette", "json")
    assert stack_requirements(names, declared, providers) == (
        "numpy>=2.0",
        "prometheus-client>=0.21",
        "PyYAML>=6.0.2",
    )


def test_the_real_image_needs_what_serves_and_nothing_of_the_lab() -> None:
    lines = stack_requirements(footprint(STACK).names, declared_requirements(STACK))
    names = {re.split(r"[<>=]", line)[0] for line in lines}
    assert {"onnxruntime", "numpy", "fastapi", "httptools", "msgspec", "pyyaml"} <= names
    assert not names & {"textual", "rich", "kubernetes", "docker", "cryptography", "psutil"}


def test_the_base_brings_no_release_no_training_data_and_no_scenario() -> None:
    files = Recipes(STACK).base().files
    assert {"Dockerfile", "requirements.txt", "stack/__init__.py", "stack/gateway/__main__.py"} <= set(files)
    forbidden = ("releases", "trainer", "train.npz", "platform", "__pycache__", "scenarios")
    assert [path for path in files if any(part in path for part in forbidden)] == []


def test_the_same_content_gives_the_same_archive_and_hash() -> None:
    one, two = Recipe({"a": b"1", "b": b"2"}), Recipe({"b": b"2", "a": b"1"})
    assert one.content == two.content
    assert one.archive().read() == two.archive().read()
    assert one.content != Recipe({"a": b"12", "b": b""}).content
    assert labels_of(one, "base")[CONTENT_LABEL] != labels_of(one, "other")[CONTENT_LABEL]
    assert content_hash(b"ab", b"c") != content_hash(b"a", b"bc")
    with tarfile.open(fileobj=one.archive()) as archive:
        assert archive.getnames() == ["a", "b"]


@pytest.mark.parametrize(
    ("component", "module", "port", "path"),
    [("model-server", "stack.model_server", 8601, "/v2/health/live"), ("feed", "stack.feed", 8602, "/livez")],
)
def test_a_release_is_one_file_on_the_base(component: str, module: str, port: int, path: str, tmp_path: Path) -> None:
    release = tmp_path / "x.yaml"
    release.write_text("notes: Fewer lines.\n")
    recipe = Recipes(STACK).release(ImageSpec(component, "2.4.0", release), "mlops-lab/stack:abc")
    assert recipe.files["release.yaml"] == b"notes: Fewer lines.\n"
    lines = recipe.files["Dockerfile"].decode().splitlines()
    assert lines[:3] == [
        "FROM mlops-lab/stack:abc",
        "COPY release.yaml /app/release.yaml",
        "ENV RELEASE=2.4.0 RELEASE_FILE=/app/release.yaml",
    ]
    assert lines[-1] == f'ENTRYPOINT ["python", "-m", "{module}"]'
    assert any(line.startswith("HEALTHCHECK") and f"127.0.0.1:{port}{path}" in line for line in lines)


def test_the_dockerfile_ends_as_nobody_and_starts_from_a_slim_python() -> None:
    text = (STACK / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:3.13-slim"}
    assert text.rstrip().splitlines()[-1] == "USER 10001:10001"
    assert "ORT_DISABLE_TELEMETRY=1" in text
