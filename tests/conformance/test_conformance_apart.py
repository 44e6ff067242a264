"""Two labs on one engine do not meet."""

from __future__ import annotations

from pathlib import Path

import pytest
from engineboxes import Box, Case, kubectl

pytestmark = [pytest.mark.timeout(600)]

GATEWAY = ("--selector", "app.kubernetes.io/name=gateway")
KINDNET = ("--selector", "app=kindnet")
ASKING = """
import urllib.request
try:
    print(urllib.request.urlopen("http://{address}:8600/livez", timeout=3).status)
except OSError as error:
    print(error)
"""


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


@pytest.mark.kind
@pytest.mark.parametrize("case", ["kind"], indirect=True, scope="module")
def test_the_gateway_hears_its_own_namespace_and_no_other(box: Box, case: Case) -> None:
    status = box.up()
    kubeconfig, namespace = str(status["kubeconfig"]), ("--namespace", str(status["namespace"]))
    if not kubectl(kubeconfig, "--namespace", "kube-system", "get", "daemonset", "--output", "name", *KINDNET):
        pytest.skip("this cluster's network enforces no policy: it is not kindnet")
    address = kubectl(kubeconfig, *namespace, "get", "pods", *GATEWAY, "--output", "jsonpath={..podIP}")
    ask = ("python", "-c", ASKING.format(address=address))
    assert kubectl(kubeconfig, *namespace, "exec", "deployment/monitor", "--", *ask).strip() == "200"
    image = kubectl(kubeconfig, *namespace, "get", "deployment", "monitor", "--output", "jsonpath={..image}")
    stranger = ("run", "stranger", "--attach", "--rm", "--quiet", "--restart=Never", "--image-pull-policy=Never")
    heard = kubectl(kubeconfig, "--namespace", "default", *stranger, f"--image={image}", "--command", "--", *ask)
    assert "200" not in heard
    assert heard.strip(), "it asked, and says what came of it"
    assert "200" not in heard


def flat(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return [value]
