"""The monitor: joining by id in any order, across restarts and gaps."""

from __future__ import annotations

import json
import math

import msgspec
from test_flow_wire import LOG, serving

from stack.monitor.predictions import EARLY_TRUTHS, WINDOW, Prediction, Predictions
from stack.monitor.quality import Quality, quality_of
from stack.wire.client import Address
from stack.wire.endpoints import Endpoint
from stack.wire.pages import LogReader, TruthPage
from stack.wire.server import Request, Response, error_response, json_response


def filled(*pairs: tuple[str, float]) -> Predictions:
    log = Predictions()
    for name, probability in pairs:
        log.add(Prediction(name, probability))
    return log


def quality(log: Predictions) -> Quality:
    return quality_of(log.window(WINDOW))


def test_the_score_covers_what_is_labelled_and_says_how_much_that_is() -> None:
    log = filled(("a", 0.9), ("b", 0.2), ("c", 0.5), ("d", 0.1))
    log.known("a", True)
    log.known("b", False)
    found = quality(log)
    assert math.isclose(found.brier, (0.01 + 0.04) / 2)
    assert math.isclose(found.calibration_gap, (0.9 + 0.2 - 1) / 2)
    assert (found.labelled_share, found.predictions, found.decision_rate) == (0.5, 4, 0.5)


def test_without_labels_there_is_no_score() -> None:
    assert math.isnan(quality(Predictions()).brier)
    assert math.isnan(quality(Predictions()).labelled_share)
    log = filled(("a", 0.5))
    assert math.isnan(quality(log).brier)
    assert quality(log).labelled_share == 0


def test_a_truth_may_come_before_its_prediction_was_seen() -> None:
    log = Predictions()
    log.known("a", True)
    log.add(Prediction("a", 0.5))
    assert quality(log).labelled_share == 1
    log.add(Prediction("a", 0.5))
    assert quality(log).labelled_share == 0.5, "one truth labels one prediction"


def test_a_flight_that_is_replayed_is_labelled_again() -> None:
    log = filled(("a", 1.0), ("a", 0.0))
    log.known("a", True)
    log.known("a", False)
    assert quality(log).brier == 0
    assert quality(log).labelled_share == 1


def test_only_the_newest_count_and_nothing_grows_without_bound() -> None:
    log = Predictions(capacity=10)
    for number in range(EARLY_TRUTHS + 500):
        log.add(Prediction(f"p{number}", 0.5))
        log.known(f"t{number}", True)
    assert len(log) == 10
    assert len(log._unlabelled) == 10
    assert len(log._early) == len(log._early_order) == EARLY_TRUTHS


def test_windows_are_counted_from_the_newest() -> None:
    log = filled(*((str(number), 0.5) for number in range(10)))
    assert [item.id for item in log.window(3)] == ["9", "8", "7"]
    assert [item.id for item in log.window(3, before=8)] == ["1", "0"]
    assert [None if item is None else item.id for item in (log.back(0), log.back(9), log.back(10))] == ["9", "0", None]


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
