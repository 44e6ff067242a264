"""The monitor: joining by id in any order, across restarts and gaps."""

from __future__ import annotations

import json
import math

import msgspec
from test_flow_wire import LOG, serving

from stack.monitor.app import MonitorApp, MonitorMetrics
from stack.monitor.quality import EARLY_TRUTHS, LiveQuality
from stack.wire.client import Address
from stack.wire.endpoints import Endpoint
from stack.wire.pages import LogReader, TruthPage
from stack.wire.server import Request, Response, error_response, json_response


def test_the_score_covers_what_is_labelled_and_says_how_much_that_is() -> None:
    quality = LiveQuality()
    for name, probability in (("a", 0.9), ("b", 0.2), ("c", 0.5), ("d", 0.1)):
        quality.predicted(name, probability)
    quality.known("a", True)
    quality.known("b", False)
    figures = quality.figures()
    assert math.isclose(figures.brier, (0.01 + 0.04) / 2)
    assert (figures.labelled_share, figures.predictions) == (0.5, 4)


def test_without_labels_there_is_no_score() -> None:
    quality = LiveQuality()
    assert math.isnan(quality.figures().brier)
    assert math.isnan(quality.figures().labelled_share)
    quality.predicted("a", 0.5)
    assert math.isnan(quality.figures().brier)
    assert quality.figures().labelled_share == 0


def test_a_truth_may_come_before_its_prediction_was_seen() -> None:
    quality = LiveQuality()
    quality.known("a", True)
    quality.predicted("a", 0.5)
    assert quality.figures().labelled_share == 1
    quality.predicted("a", 0.5)
    assert quality.figures().labelled_share == 0.5, "one truth labels one prediction"


def test_a_flight_that_is_replayed_is_labelled_again() -> None:
    quality = LiveQuality()
    quality.predicted("a", 1.0)
    quality.predicted("a", 0.0)
    quality.known("a", True)
    quality.known("a", False)
    assert quality.figures().brier == 0
    assert quality.figures().labelled_share == 1


def test_only_the_newest_count_and_nothing_grows_without_bound() -> None:
    quality = LiveQuality(window=10)
    for number in range(EARLY_TRUTHS + 500):
        quality.predicted(f"p{number}", 0.5)
        quality.known(f"t{number}", True)
    assert quality.figures().predictions == 10
    assert len(quality._unlabelled) == 10
    assert len(quality._early) == len(quality._early_order) == EARLY_TRUTHS


async def test_a_log_is_read_on_across_a_restart() -> None:
    rows = [{"seq": number, "id": f"old{number}", "late": 0} for number in range(1, 6)]
    state = {"down": False}

    async def feed(request: Request) -> Response:
        if state["down"]:
            return error_response(503, "starting")
        after = int(request.query["after"])
        newer = [row for row in rows if int(str(row["seq"])) > after]
        return json_response({"last": len(rows), "truths": newer})

    seen: list[str] = []
    failures: list[int] = []

    def take(body: bytes) -> int:
        page = msgspec.json.decode(body, type=TruthPage)
        seen.extend(row.id for row in page.truths)
        return page.last

    async with serving(feed) as (_, address):
        reader = LogReader("/truth", take, LOG, lambda: failures.append(1))
        reader.update((Endpoint("feed-1", address, "1"),))
        await reader.read()
        await reader.read()
        assert seen == [f"old{number}" for number in range(1, 6)]
        state["down"] = True
        await reader.read()
        assert len(failures) == 1
        state["down"] = False
        rows[:] = [{"seq": 1, "id": "new1", "late": 1}, {"seq": 2, "id": "new2", "late": 1}]
        await reader.read()
        assert seen[5:] == ["new1", "new2"]
        reader.update((Endpoint("feed-2", address, "1"),))
        await reader.read()
        assert seen[7:] == ["new1", "new2"], "another pod is read from its start"
        reader.close()


async def test_an_unreachable_replica_is_counted_and_the_others_are_read() -> None:
    async def feed(_: Request) -> Response:
        return json_response({"last": 0, "truths": []})

    failures: list[int] = []
    async with serving(feed) as (_, address):
        reader = LogReader("/truth", lambda body: int(json.loads(body)["last"]), LOG, lambda: failures.append(1))
        reader.update((Endpoint("a", Address("127.0.0.1", 1), "1"), Endpoint("b", address, "1")))
        await reader.read()
        assert len(failures) == 1
        reader.close()


async def test_figures_are_exported_as_they_are_when_asked() -> None:
    quality = LiveQuality()
    app = MonitorApp(MonitorMetrics("1.0.0", quality))
    request = Request("GET", "/metrics", {}, b"", 0.0)
    assert b"model_live_brier NaN" in (await app.handle(request)).body
    quality.predicted("a", 0.5)
    quality.known("a", True)
    assert b"model_live_brier 0.25" in (await app.handle(request)).body
    assert (await app.handle(Request("GET", "/healthz", {}, b"", 0.0))).status == 503
