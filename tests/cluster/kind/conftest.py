"""A stand-in for the API server, and a kubeconfig that leads to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kind_fake_api import TOKEN, FakeApi, serving


@pytest.fixture
def fake_api() -> Iterator[FakeApi]:
    with serving() as api:
        yield api


@pytest.fixture
def write_kubeconfig(tmp_path: Path) -> Callable[..., Path]:
    def write(server: str, token: str = TOKEN) -> Path:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team-a"}}],
        }
        path = tmp_path / "kubeconfig"
        fresh = tmp_path / "kubeconfig.new"
        fresh.write_text(json.dumps(document))
        fresh.replace(path)
        return path

    return write
