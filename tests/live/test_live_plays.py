"""The proof of the scenario, on real processes: right plays pass, wrong ones fail by what they did wrong."""

from __future__ import annotations

import pytest
from liveboxes import Box

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SLUG = "hangs-now-and-then"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_undo_passes_whatever_the_seed(box: Box, seed: int) -> None:
    done = box.demo(SLUG, "--seed", str(seed))
    assert done.json["verdict"] == "pass", done.out + done.err
    assert done.code == 0
    assert done.json["failed"] == []
    assert all(line["why"] for line in done.json["lines"])


def test_grading_the_bundle_again_with_the_stack_down_gives_the_same(box: Box) -> None:
    live = box.demo(SLUG, "--as", "revert")
    assert live.json["verdict"] == "pass", live.out + live.err
    box.lab("down")
    again = box.lab("grade", live.json["bundle"], "--json")
    assert again.json == live.json
    assert again.code == 0


@pytest.mark.parametrize("slug", ["rolled-back-nothing-changed", "one-in-three-from-last-week"])
def test_the_demo_finds_out_which_version_answers(box: Box, slug: str) -> None:
    done = box.demo(slug)
    assert done.json["verdict"] == "pass", done.out + done.err
    assert done.json["explained"] >= 95, done.json["lines"]
