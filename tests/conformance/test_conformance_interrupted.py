"""An up that was ended in the middle is finished by the next one, or undone by down; kind has a file of its own."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from engineboxes import Box, Case, eventually

pytestmark = [pytest.mark.timeout(600)]

FIRST, APPLYING, ALMOST = " ", "applying the platform repo", " is ready"
"""Words of the story: its first line, the cluster being there, and the first component being ready."""


MOMENTS = {FIRST: "first", APPLYING: "applying", ALMOST: "almost"}


def on(engine: str, number: signal.Signals, word: str) -> Any:
    """One interruption on one engine; somebody else's cluster is slow, so it gets the two that differ most."""
    mark = pytest.mark.live if engine == "embedded" else pytest.mark.kind
    return pytest.param(engine, number, word, marks=mark, id=f"{engine}-{number.name}-{MOMENTS[word]}")


def undone(box: Box, case: Case, before: set[str]) -> None:
    done = box.lab("down")
    assert done.code == 0, done.err
    eventually(lambda: box.processes() == [], 10, "no process of the lab is left")
    assert case.left_in_cluster() == before
    assert box.status()["up"] is False


@pytest.mark.parametrize(
    ("case", "number", "word"),
    [
        on("embedded", signal.SIGKILL, APPLYING),
        on("embedded", signal.SIGKILL, ALMOST),
        on("embedded", signal.SIGINT, APPLYING),
        on("embedded", signal.SIGINT, FIRST),
        on("context", signal.SIGKILL, ALMOST),
    ],
    indirect=["case"],
    scope="module",
)
def test_the_next_up_finishes_it(box: Box, case: Case, number: signal.Signals, word: str) -> None:
    before = case.left_in_cluster()
    code = box.up_until(word, number)
    assert code == (130 if number == signal.SIGINT else -number)
    assert box.up()["ready"] is True
    history = box.lab("ops", "rollout", "undo", "deployment/model-server")
    assert history.code == 0, history.err
    undone(box, case, before)


@pytest.mark.parametrize(
    ("case", "number", "word"),
    [
        on("embedded", signal.SIGKILL, FIRST),
        on("embedded", signal.SIGKILL, APPLYING),
        on("embedded", signal.SIGINT, ALMOST),
        on("context", signal.SIGKILL, APPLYING),
    ],
    indirect=["case"],
    scope="module",
)
def test_down_undoes_it(box: Box, case: Case, number: signal.Signals, word: str) -> None:
    before = case.left_in_cluster()
    box.up_until(word, number)
    undone(box, case, before)
