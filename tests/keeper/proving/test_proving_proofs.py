"""What counts as proven: verdict and reason must both be as the proof says, and void is neither."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.content.loader import LoadedScenario, load_scenario
from lab.errors import SettingsError
from lab.grading.report import Check, Report, Verdict
from lab.keeper.proving.changed import changed_scenarios
from lab.keeper.proving.proofs import Trial, judged, trials_of, unjudged

FIXTURES = Path(__file__).parents[2] / "fixtures" / "content"


@pytest.fixture
def plain() -> LoadedScenario:
    return load_scenario(FIXTURES / "plain-symptom")


def report(verdict: Verdict, *failed: str) -> Report:
    checks = tuple(
        Check(name=name, kind="objective", verdict="fail" if name in failed else "pass", why=f"why of {name}")
        for name in ("good_share", "serving")
    )
    return Report(
        scenario="plain-symptom", seed=1, verdict=verdict, operated=50, explained=100, failed=failed, checks=checks,
        lines=(), bundle="/x/b.json.gz",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("play", "got", "outcome"),
    [
        ("undo", report("pass"), "passed"),
        ("undo", report("fail", "operated"), "failed"),
        ("undo", report("void"), "void"),
        ("nothing", report("fail", "good_share", "operated"), "passed"),
        ("nothing", report("fail", "serving"), "failed"),
        ("nothing", report("pass"), "failed"),
        ("scale_to_zero", report("fail", "good_share"), "failed"),
        ("scale_to_zero", report("fail", "good_share", "serving"), "passed"),
    ],
)
def test_an_outcome_needs_verdict_and_reason(plain: LoadedScenario, play: str, got: Report, outcome: str) -> None:
    proof = judged(Trial(plain, 1, play), got, 61.24)
    assert proof.outcome == outcome
    assert (proof.seconds, proof.bundle) == (61.2, Path("/x/b.json.gz"))


def test_the_reason_names_what_should_have_failed_and_what_did(plain: LoadedScenario) -> None:
    proof = judged(Trial(plain, 1, "scale_to_zero"), report("fail", "good_share", "operated"), 1.0)
    assert proof.why == "did not fail by serving; good_share: why of good_share; operated: scored 50"


def test_void_and_a_step_that_cannot_be_taken_prove_nothing(plain: LoadedScenario) -> None:
    """A play that must fail is not proven by an error, nor by a lab that broke."""
    trial = Trial(plain, 1, "nothing")
    assert unjudged(trial, "void", 3.0, "the machine stood still").outcome == "void"
    assert unjudged(trial, "error", 3.0, "no such deployment").outcome == "failed"


def test_trials_are_every_play_at_every_seed(plain: LoadedScenario) -> None:
    trials = trials_of([plain], (), (1, 2))
    assert len(trials) == 2 * len(plain.proof.plays)
    named = trials_of([plain, load_scenario(FIXTURES / "calm-noise")], ("stop", "undo"), (7,))
    assert [str(one) for one in named] == [
        "plain-symptom undo (seed 7)", "calm-noise undo (seed 7)", "calm-noise stop (seed 7)",
    ]  # fmt: skip


def test_a_play_that_no_scenario_has_is_refused_with_the_nearest(plain: LoadedScenario) -> None:
    with pytest.raises(SettingsError) as caught:
        trials_of([plain], ("unddo",), (1,))
    assert "undo" in caught.value.next_step


class Repo:
    """A git repository with two scenarios, on a branch that left main."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo" / "scenarios"
        for name in ("plain-symptom", "calm-noise"):
            shutil.copytree(FIXTURES / name, self.root / name)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def git(self, *argv: str) -> None:
        who = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *argv], cwd=self.root.parent, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "m")

    def touch(self, name: str) -> None:
        with (self.root / name).open("a") as file:
            file.write("# more\n")


def test_changed_are_those_committed_since_main_edited_or_new(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    assert changed_scenarios(repo.root, {}) == frozenset()
    repo.git("checkout", "--quiet", "-b", "work")
    repo.touch("plain-symptom/proof.yaml")
    repo.commit()
    assert changed_scenarios(repo.root, {}) == {"plain-symptom"}
    repo.touch("calm-noise/debrief.md")
    (repo.root / "new-one").mkdir()
    (repo.root / "new-one" / "scenario.yaml").write_text("schema: 1\n")
    assert changed_scenarios(repo.root, {}) == {"plain-symptom", "calm-noise", "new-one"}
    shutil.rmtree(repo.root / "plain-symptom")
    assert "plain-symptom" not in changed_scenarios(repo.root, {})


def test_without_a_repository_nobody_can_tell_what_changed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="git repository"):
        changed_scenarios(tmp_path, {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
