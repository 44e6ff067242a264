"""What the preflight says of a machine, and how versions are read."""

from __future__ import annotations

import pytest

from lab.cluster.kinds import machine
from lab.cluster.kinds.tool import parse_version
from lab.cluster.provision import Finding

GIB = 2**30


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("kind v0.29.0 go1.24.2 linux/amd64", (0, 29, 0)),
        ("Client Version: v1.32.4\nKustomize Version: v5.5.0", (1, 32, 4)),
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("28.2", (28, 2, 0)),
        ("no number here", None),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


def test_no_docker_says_why_and_what_to_do() -> None:
    finding = machine.docker_finding(None, "no engine could be reached: connection refused")
    assert not finding.ok
    assert "connection refused" in finding.found
    assert "docker ps" in finding.next_step


@pytest.mark.parametrize(("version", "ok"), [("19.03.5", False), ("20.10.24+dfsg1", True), ("28.2.2", True)])
def test_old_docker_is_to_be_updated(version: str, ok: bool) -> None:
    finding = machine.docker_finding({"ServerVersion": version, "OperatingSystem": "Debian"})
    assert (finding.ok, bool(finding.next_step)) == (ok, not ok)


@pytest.mark.parametrize(
    ("answer", "ok", "found"),
    [("kind v0.29.0 go1.24", True, "0.29.0"), ("kind v0.11.1 go1.16", False, "0.11.1"), (None, False, "not found")],
)
def test_kind_is_there_and_recent(answer: str | None, ok: bool, found: str) -> None:
    finding = machine.kind_finding(answer)
    assert (finding.ok, finding.found) == (ok, found)
    assert ok or "0.20" in finding.next_step


def test_kubectl_may_be_missing_but_not_ancient() -> None:
    assert machine.kubectl_finding(None).ok
    assert machine.kubectl_finding("Client Version: v1.32.4").ok
    assert not machine.kubectl_finding("Client Version: v1.19.0").ok


def test_limits_of_inotify_name_the_command_that_raises_them() -> None:
    good, bad = machine.inotify_findings({"max_user_watches": 524_288, "max_user_instances": 64})
    assert good == Finding("inotify max_user_watches", True, "524288", "")
    assert not bad.ok
    assert "sudo sysctl fs.inotify.max_user_instances=512" in bad.next_step
    assert machine.inotify_findings({}) == ()


def test_memory_is_what_is_free_here_or_what_dockers_machine_has() -> None:
    info = {"MemTotal": 8 * GIB}
    assert machine.memory_finding(info, 4 * GIB, linux=True) == Finding("memory for kind", True, "4096 MB", "")
    assert not machine.memory_finding(info, 1 * GIB, linux=True).ok
    assert machine.memory_finding(info, 1 * GIB, linux=False).ok
    small = machine.memory_finding({"MemTotal": 2 * GIB}, 64 * GIB, linux=False)
    assert "Give Docker more memory" in small.next_step


def test_a_full_disk_is_named() -> None:
    assert machine.disk_finding(100 * GIB).ok
    assert "MB are needed" in machine.disk_finding(GIB).next_step


def test_a_machine_without_anything_has_one_line_for_each_lack() -> None:
    found = machine.look(None, "no engine", {"PATH": "/nowhere"})
    assert [finding.name for finding in found if not finding.ok] == ["docker", "kind"]
