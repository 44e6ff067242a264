"""The author's mind: when it acts, what it says, and a note that is worth full marks at every level."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from incident_runs import QUIET_SCENARIO, SCENARIO, Run, at, deployed, quiet_run, solved_run, started, steady
from keeper_bench import SCENARIOS, SLUG

from lab.content.causes import load_causes
from lab.content.loader import LoadedScenario, load_scenario, parse_scenario
from lab.grading.facts import facts_of
from lab.grading.grade import grade
from lab.incident.events import OnsetObserved
from lab.keeper.files import RunFiles
from lab.keeper.memo import Memo
from lab.keeper.minds import LOOK_SECONDS, Author, OnCall, reference_note
from lab.keeper.prose import quiet_note
from lab.keeper.public import changes_of, view_of
from lab.keeper.view import AlertView, RunView

ALERT = AlertView(name="GoodShareBurn", state="firing", since=at(110), summary="")
OTHER = ALERT.model_copy(update={"name": "Other"})


def loaded(text: str = SCENARIO) -> LoadedScenario:
    return replace(load_scenario(SCENARIOS / SLUG), scenario=parse_scenario(text, "scenario.yaml"), scenario_yaml=text)


def files_of(run: Run, folder: Path) -> RunFiles:
    files = RunFiles(folder)
    for event in run.sorted_events:
        files.journal.append(event)
    return files


def view(run: Run, folder: Path) -> RunView:
    return view_of(RunFiles(folder), run.sorted_events, SLUG, run.scenario, at(225))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_reference_note_has_full_marks(tmp_path: Path, level: int) -> None:
    run = solved_run()
    run.scenario_yaml = SCENARIO.replace("level: 1", f"level: {level}")
    facts = facts_of(run.bundle(), run.scenario)
    changes = changes_of(run.sorted_events)
    run.note = reference_note(facts, view(run, tmp_path), changes, ["rollout undo deployment/model-server"])
    report = grade(run.bundle(), load_causes())
    assert report.verdict == "pass"
    assert report.explained >= 95, [line for line in report.lines if line.points < line.of]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_quiet_note_has_full_marks(level: int) -> None:
    run = quiet_run()
    run.scenario_yaml = QUIET_SCENARIO.replace("level: 1", f"level: {level}")
    run.note = quiet_note("20261001-140000-ab12", "GoodShareBurn", ("request_duration_seconds",))
    report = grade(run.bundle(), load_causes())
    assert report.verdict == "pass"
    assert report.explained == 100, [line for line in report.lines if line.points < line.of]


def test_it_acts_on_the_scenarios_own_alert_after_onset(tmp_path: Path) -> None:
    run = Run(events=[*started(), deployed(80, 1)])
    early = Author(loaded(), files_of(run, tmp_path / "early"))
    assert early.sign([ALERT]) is None
    run.add(OnsetObserved(at=at(95), value=0.9))
    bitten = Author(loaded(), files_of(run, tmp_path / "bitten"))
    assert bitten.sign([OTHER]) is None
    assert bitten.sign([OTHER, ALERT]) == ALERT
    assert bitten.declares()
    assert not bitten.is_calm(view(run, tmp_path), at(2000))


def test_it_names_cause_and_change_of_the_truth(tmp_path: Path) -> None:
    run = solved_run()
    finding = Author(loaded(), files_of(run, tmp_path)).conclude(
        Memo(changes=changes_of(run.sorted_events)),
        lab=None,  # type: ignore[arg-type]
    )
    assert (finding.cause, finding.component) == ("release-slow-path", "model-server")
    assert finding.change is not None
    assert finding.change.component == "model-server"


def test_in_a_quiet_run_it_waits_for_the_last_event_and_declares_nothing(tmp_path: Path) -> None:
    run = Run(scenario_yaml=QUIET_SCENARIO, events=[*started(), deployed(20, 0)], values=steady())
    half = Author(loaded(QUIET_SCENARIO), files_of(run, tmp_path / "half"))
    assert not half.is_calm(view(run, tmp_path), at(500))
    run.add(deployed(80, 1))
    whole = Author(loaded(QUIET_SCENARIO), files_of(run, tmp_path / "whole"))
    assert not whole.is_calm(view(run, tmp_path), at(80 + LOOK_SECONDS + 19))
    assert whole.is_calm(view(run, tmp_path), at(80 + LOOK_SECONDS + 21))
    assert not whole.declares()


def test_who_is_on_call_takes_any_alert_and_is_never_calm_where_one_is_promised(tmp_path: Path) -> None:
    run = solved_run()
    promised = OnCall(run.scenario)
    assert promised.sign([OTHER]) == OTHER
    ticket = OTHER.model_copy(update={"name": "PredictionDrift", "severity": "ticket"})
    assert promised.sign([ticket]) is None
    assert promised.sign([ticket, OTHER]) == OTHER
    assert not promised.is_calm(view(run, tmp_path), at(2000))
    unpromised = OnCall(parse_scenario(QUIET_SCENARIO.replace("visible: GoodShareBurn\n", "")
                                       .replace("family: bad-deploy", "family: quiet"), "s"))  # fmt: skip
    assert unpromised.is_calm(view(run, tmp_path), at(2000))
