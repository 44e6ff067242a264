"""The proof of the scenario, on real processes: wrong plays fail, by what they did wrong."""

from __future__ import annotations

import pytest
from liveboxes import Box

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SLUG = "hangs-now-and-then"


@pytest.mark.parametrize(
    ("play", "by"),
    [
        ("nothing", "good_share"),
        ("scale_to_zero", "serving"),
        ("innocent", "good_share"),
        ("cut_deadline", "good_share"),
        ("raise_deadline", "good_share"),
        ("stop_traffic", "traffic"),
        ("double_traffic", "traffic"),
        ("hushed", "alerting"),
    ],
)
def test_wrong_plays_fail_by_what_they_did_wrong(box: Box, play: str, by: str) -> None:
    done = box.demo(SLUG, "--as", play)
    assert done.json["verdict"] == "fail", done.out + done.err
    assert by in done.json["failed"]
    assert done.code == 1
