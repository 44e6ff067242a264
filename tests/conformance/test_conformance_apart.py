"""Two labs on one engine do not meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engineboxes import Box, Case, kubectl

pytestmark = [pytest.mark.timeout(600)]

GATEWAY = ("--selector", "app.kubernetes.io/name=gateway")


def test_two_labs_do_not_meet(box: Box, case: Case, cache: Path, tmp_path: Path) -> None:
    ours = box.up()
    other = case.box(tmp_path, cache)
    try:
        theirs = other.up()
        assert theirs["ready"] is True
        for what in ("pids", "urls", "namespace", "kubeconfig", "platform_repo"):
            mine, yours = (set(map(str, flat(one[what]))) for one in (ours, theirs))
            assert not mine & yours, what
        if not case.is_embedded:
            gateway = kubectl(*place(ours), "get", "pods", *GATEWAY, "--output", "jsonpath={.items[0].status.podIP}")
            assert is_heard(ours, gateway), "by its own namespace"
            assert not is_heard(theirs, gateway), "by another one"
        other.lab("ops", "scale", "deployment/feed", "--replicas=0")
        assert "1/1" in box.lab("ops", "get", "deployments", "feed").out
    finally:
        other.lab("down")
    assert other.processes() == []
    after = box.status()
    assert (after["ready"], after["urls"], after["pids"]) == (True, ours["urls"], ours["pids"])


def place(status: Any) -> tuple[str, str, str]:
    return status["kubeconfig"], "--namespace", status["namespace"]


def is_heard(status: Any, address: str) -> bool:
    """Whether a pod of that lab gets an answer from the gateway's pod at that address."""
    look = f"""
import urllib.request
try:
    print(urllib.request.urlopen("http://{address}:8600/livez", timeout=3).status)
except OSError as error:
    print(error)
"""
    return kubectl(*place(status), "exec", "deployment/monitor", "--", "python", "-c", look).strip() == "200"


def flat(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return [value]
