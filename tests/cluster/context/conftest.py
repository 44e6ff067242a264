"""One tiny API per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contextboxes import TinyApi, kubeconfig, tiny_api, write


@pytest.fixture
def api() -> Iterator[TinyApi]:
    with tiny_api() as found:
        yield found


@pytest.fixture
def source(api: TinyApi, tmp_path: Path) -> Path:
    """The user's own kubeconfig."""
    return write(tmp_path / "user" / "config", kubeconfig(api.url))
