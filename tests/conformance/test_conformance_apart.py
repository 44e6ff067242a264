"""Two labs on one engine do not meet."""

from __future__ import annotations

from pathlib import Path

import pytest
from engineboxes import Box, Case

pytestmark = [pytest.mark.timeout(600)]


def test_two_labs_do_not_meet(box: Box, case: Case, cache: Path, tmp_path: Path) -> None:
    ours = box.up()
    other = case.box(tmp_path, cache)
    try:
        theirs = other.up()
        assert theirs["ready"] is True
        for what in ("pids", "urls", "namespace", "kubeconfig", "platform_repo"):
            mine, yours = (set(map(str, flat(one[what]))) for one in (ours, theirs))
            assert not mine & yours, what
        other.lab("ops", "scale", "deployment/feed", "--replicas=0")
        assert "1/1" in box.lab("ops", "get", "deployments", "feed").out
    finally:
        other.lab("down")
    assert other.processes() == []
    after = box.status()
    assert (after["ready"], after["urls"], after["pids"]) == (True, ours["urls"], ours["pids"])


def flat(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return [value]
