"""Live tests of one file share one stack; its programs are fetched once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from liveboxes import Box


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    made = Box(tmp_path_factory.mktemp("box"), tmp_path_factory.getbasetemp() / "cache")
    yield made
    made.lab("down")
    assert made.processes() == []
