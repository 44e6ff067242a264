"""Prometheus from the release archive: good, wrong, truncated, missing and stalling answers of a server on loopback."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from release_host import GOOD, NAME, Host, ignore, tarball

from lab.cluster.programs import Programs, Sources, ensure_prometheus
from lab.errors import MissingError


def ensure(cache: Path, sources: Sources, said: list[str] | None = None) -> Programs:
    story: list[str] = [] if said is None else said
    return ensure_prometheus(cache, path="", say=story.append, sources=sources, platform="test-cpu")


def refusal(cache: Path, sources: Sources) -> str:
    with pytest.raises(MissingError) as missing:
        ensure(cache, sources)
    return missing.value.message


def left_in(cache: Path) -> set[str]:
    """Files in the cache, without the lock, relative to it."""
    return {str(file.relative_to(cache)) for file in cache.rglob("*") if file.is_file() and file.name != ".lock"}


def test_a_good_archive_becomes_programs_in_the_cache(tmp_path: Path, sources: Sources) -> None:
    said: list[str] = []
    programs = ensure(tmp_path, sources, said)
    place = tmp_path / "programs" / "prometheus-2.99.1"
    assert programs == Programs(place / "prometheus", place / "promtool", "2.99.1", "the release archive")
    assert left_in(tmp_path) == {f"programs/prometheus-2.99.1/{name}" for name in ("prometheus", "promtool", "LICENSE")}
    assert os.access(place / "promtool", os.X_OK)
    assert any(line.startswith("Prometheus 2.99.1:") and "MB" in line for line in said)
    assert said[-1] == f"Prometheus 2.99.1 is in {place}"


def test_the_second_time_nothing_is_downloaded(tmp_path: Path, sources: Sources, host: Host) -> None:
    ensure(tmp_path, sources)
    again = ensure(tmp_path, sources)
    assert again.source == "the cache"
    assert len(host.ranges) == 1


def test_a_wrong_checksum_is_refused_and_the_file_removed(tmp_path: Path, sources: Sources, host: Host) -> None:
    host.body = GOOD[:-1] + bytes([GOOD[-1] ^ 1])
    message = refusal(tmp_path, sources)
    assert "has the checksum" in message
    assert "was deleted" in message
    assert left_in(tmp_path) == set()


def test_what_the_checksum_does_not_know_is_never_run(tmp_path: Path, sources: Sources, host: Host) -> None:
    witness = tmp_path / "witness"
    host.body = tarball({"prometheus": f"#!/bin/sh\ntouch {witness}\n"})
    refusal(tmp_path, sources)
    assert not witness.exists()


def test_a_download_that_breaks_off_goes_on_where_it_stopped(tmp_path: Path, sources: Sources, host: Host) -> None:
    host.cut = [100_000]
    assert ensure(tmp_path, sources).version == "2.99.1"
    assert host.ranges == [None, "bytes=100000-"]


def test_a_download_that_keeps_breaking_off_is_kept_for_the_next_call(
    tmp_path: Path, sources: Sources, host: Host
) -> None:
    host.cut = [100_000, 50_000]
    assert f"ended after 150000 of {len(GOOD)} bytes" in refusal(tmp_path, sources)
    assert left_in(tmp_path) == {f"programs/downloads/{NAME}.tar.gz.partial"}
    assert ensure(tmp_path, sources).version == "2.99.1"
    assert host.ranges[-1] == "bytes=150000-"
    assert "programs/downloads" not in str(left_in(tmp_path))


def test_a_server_that_falls_silent_is_not_waited_for(tmp_path: Path, sources: Sources, host: Host) -> None:
    host.cut, host.hang = [1000, 1000], True
    assert "timed out" in refusal(tmp_path, sources)


def test_a_download_that_takes_too_long_in_all_is_given_up(tmp_path: Path, sources: Sources) -> None:
    hurried = replace(sources, limits=replace(sources.limits, total=0.0))
    assert "was not done after 0 s" in refusal(tmp_path, hurried)


def test_a_missing_archive_says_so(tmp_path: Path, sources: Sources, host: Host) -> None:
    host.status = 404
    assert "answers 404" in refusal(tmp_path, sources)
    assert left_in(tmp_path) == set()


def test_a_leftover_larger_than_the_archive_is_thrown_away(tmp_path: Path, sources: Sources, host: Host) -> None:
    partial = tmp_path / "programs" / "downloads" / f"{NAME}.tar.gz.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 10)
    host.status = 416
    refusal(tmp_path, sources)
    assert not partial.exists()
    host.status = 200
    assert ensure(tmp_path, sources).version == "2.99.1"


def test_a_host_that_does_not_answer_is_named(tmp_path: Path, sources: Sources) -> None:
    nowhere = {"test-cpu": replace(sources.archives["test-cpu"], url="http://127.0.0.1:1/prometheus.tar.gz")}
    assert "http://127.0.0.1:1/prometheus.tar.gz cannot be reached" in refusal(
        tmp_path, replace(sources, archives=nowhere)
    )


def test_other_kinds_of_address_are_refused(tmp_path: Path, sources: Sources) -> None:
    local = tmp_path / "prometheus.tar.gz"
    local.write_bytes(GOOD)
    other = {"test-cpu": replace(sources.archives["test-cpu"], url=local.as_uri())}
    assert "unknown url type: file" in refusal(tmp_path / "cache", replace(sources, archives=other))


def test_a_proxy_is_honoured(tmp_path: Path, sources: Sources, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", host.url.rsplit("/", 1)[0])
    monkeypatch.setenv("no_proxy", "")
    elsewhere = {"test-cpu": replace(sources.archives["test-cpu"], url="http://releases.invalid/prometheus.tar.gz")}
    assert ensure(tmp_path, replace(sources, archives=elsewhere)).version == "2.99.1"
    assert len(host.ranges) == 1


def test_an_unknown_platform_is_named(tmp_path: Path, sources: Sources) -> None:
    with pytest.raises(MissingError) as missing:
        ensure_prometheus(tmp_path, path="", say=ignore, sources=sources, platform="plan9-mips")
    assert "no checksum is known for plan9-mips" in missing.value.message
