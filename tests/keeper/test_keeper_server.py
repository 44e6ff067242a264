"""Asking a keeper: commands that fit, refusals in words, tokens, and a whole run up to its grade."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from keeper_bench import BITTEN, HEALTHY, Bench

from lab.errors import LabError, RunError
from lab.incident.bundle import read_bundle
from lab.incident.events import ChangeApplied, OnsetObserved
from lab.keeper.client import KeeperClient
from lab.keeper.files import KeeperAddress
from lab.keeper.server import KeeperServer

SHA = "b515596" + "0" * 33


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "lab", strike_seconds=1000.0)
    made.on_call()
    made.repo.commits.append(SHA)
    made.keeper._look_at_objects()
    made.keeper.record(
        ChangeApplied(
            at=made.now,
            event=1,
            component="model-server",
            by="priya",
            tag="2.4.0",
            previous_tag="2.3.5",
            message="Stricter input checks",
            commit=SHA,
            resource_version="1",
        )
    )
    return made


@pytest.fixture
def client(bench: Bench) -> Iterator[KeeperClient]:
    with KeeperServer(bench.keeper) as server:
        thread = server.start()
        me = psutil.Process(os.getpid())
        bench.files.write_address(
            KeeperAddress(pid=me.pid, started=me.create_time(), port=server.port, token=server.token)
        )
        yield KeeperClient(bench.files, bench.folder)
        server.shutdown()
        thread.join()


def bite(bench: Bench) -> None:
    bench.values = dict(BITTEN)
    bench.keeper.record(OnsetObserved(at=bench.now, value=0.9))


def test_the_view_tells_nothing_sealed(bench: Bench, client: KeeperClient) -> None:
    text = client.view().model_dump_json()
    truth = bench.loaded.scenario.truth
    assert truth.root_cause not in text
    assert "strike" not in text
    assert "seed" not in text
    assert client.view().changes[0].who == "Priya Raman"


def test_declare_diagnose_and_a_refused_resolve(bench: Bench, client: KeeperClient) -> None:
    bite(bench)
    assert client.declare("sev3", "slow").declaration is not None
    with pytest.raises(RunError, match="already declared"):
        client.declare("SEV3")
    view = client.diagnose("release-slow-path", "model-server", "b515596")
    assert view.diagnosis is not None
    assert view.diagnosis.change == SHA
    view = client.resolve()
    assert view.phase == "on_call"
    assert "good_share" in view.refused[0]


@pytest.mark.parametrize(
    ("cause", "component", "change", "word"),
    [
        ("release-slow-pth", "model-server", None, "release-slow-path"),
        ("release-slow-path", "model-sever", None, "model-server"),
        ("release-slow-path", "model-server", "ffffff", "b515596"),
    ],
)
def test_a_wrong_word_is_refused_with_what_would_be_right(
    client: KeeperClient, cause: str, component: str, change: str | None, word: str
) -> None:
    with pytest.raises(LabError) as caught:
        client.diagnose(cause, component, change)
    assert word in caught.value.next_step


def test_before_onset_a_resolve_closes_the_declaration_as_false(client: KeeperClient) -> None:
    client.declare("SEV4")
    view = client.resolve()
    assert view.declaration is None
    assert view.phase == "on_call"
    assert "false alarm" in view.refused[0]


def test_a_held_objective_is_accepted_and_the_note_is_graded(bench: Bench, client: KeeperClient) -> None:
    bite(bench)
    client.declare("SEV3")
    client.diagnose("release-slow-path", "model-server", "b515596")
    bench.seconds(5)
    bench.values = dict(HEALTHY)
    bench.seconds(25)
    view = client.resolve()
    assert view.phase == "writing"
    assert view.note_path is not None
    view = client.submit("---\nroot_cause: release-slow-path\n---\n")
    assert view.report is not None
    assert view.report.verdict == "fail"
    assert "explained" in view.report.failed
    bundle = read_bundle(Path(view.report.bundle))
    assert bundle.note is not None
    with pytest.raises(RunError):
        client.submit("again")


def test_giving_up_ends_on_call_and_the_note_still_comes(bench: Bench, client: KeeperClient) -> None:
    bite(bench)
    bench.seconds(2)
    view = client.give_up()
    assert (view.phase, view.phase_reason) == ("writing", "ended without a fix")


def test_an_aborted_run_takes_nothing_more(client: KeeperClient) -> None:
    assert client.abort().phase == "aborted"
    with pytest.raises(RunError):
        client.declare("SEV1")


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"not json\n", json.dumps({"token": "x", "request": {"do": "view"}}).encode() + b"\n"]
)
def test_a_stranger_gets_words_and_nothing_else(bench: Bench, client: KeeperClient, line: bytes) -> None:
    address = bench.files.address()
    assert address is not None
    with socket.create_connection(("127.0.0.1", address.port), timeout=5) as connection:
        connection.sendall(line)
        answer = json.loads(connection.makefile("rb").readline())
    assert answer["view"] is None
    assert answer["failure"]["title"] == "Not understood"
