"""A folder loads whole or is refused with all of its problems, and one broken folder does not hide the others."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.content.loader import find, load_library, load_scenario, parse_scenario
from lab.errors import ContentError, Problem, SettingsError

FIXTURE = Path(__file__).parent.parent / "fixtures" / "content" / "plain-symptom"


def refused(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(ContentError) as caught:
        load_scenario(folder)
    return caught.value.problems


def test_loads_everything_of_a_folder(folder: Path) -> None:
    """Scenario, proof, debrief and releases come typed."""
    loaded = load_scenario(folder)
    assert loaded.slug == "plain-symptom"
    assert loaded.scenario.seeded.strike_seconds == (75.0, 120.0)
    assert loaded.scenario.events[0].at.offset_seconds == -60.0
    assert loaded.scenario.bites.must.holds(0.9)
    assert set(loaded.proof.plays) == {"undo", "revert", "nothing", "scale_to_zero", "cut"}
    assert set(loaded.releases) == {("feed", "9.0.1"), ("model-server", "9.1.0"), ("model-server", "9.1.1")}
    assert loaded.debrief.startswith("# Callers wait")
    assert parse_scenario(loaded.scenario_yaml, "bundle") == loaded.scenario


def test_hash_follows_content_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    """Place, line ends and hidden files do not count; any content and any name do."""
    before = load_scenario(folder).content_hash
    elsewhere = Path(shutil.copytree(folder, tmp_path / "away" / "plain-symptom"))
    assert load_scenario(elsewhere).content_hash == before
    (elsewhere / ".DS_Store").write_bytes(b"\0")
    text = (elsewhere / "proof.yaml").read_bytes()
    (elsewhere / "proof.yaml").write_bytes(text.replace(b"\n", b"\r\n"))
    assert load_scenario(elsewhere).content_hash == before
    (elsewhere / "debrief.md").write_text("# Other\n")
    after = load_scenario(elsewhere).content_hash
    assert after != before
    (elsewhere / "releases" / "feed-9.0.1.yaml").rename(elsewhere / "releases" / "feed-9.0.2.yaml")
    assert load_scenario(elsewhere).content_hash not in (before, after)


def test_all_problems_of_a_folder_come_at_once(folder: Path) -> None:
    """Each file contributes; none hides another."""
    scenario = folder / "scenario.yaml"
    scenario.write_text(scenario.read_text().replace("title:", "titel:").replace("level: 1", "level: 9"))
    (folder / "proof.yaml").write_text("strike_seconds: 8\n")
    (folder / "debrief.md").write_text("\n")
    (folder / "notes.txt").write_text("x")
    (folder / "releases" / "feed-9.0.1.yaml").write_text("notes: x\nlogg: {every: 5}\n")
    found = {(problem.path, problem.line, problem.where): problem.next_step for problem in refused(folder)}
    name = folder.as_posix()
    assert found[(f"{name}/scenario.yaml", 2, "titel")] == "did you mean `title`?"
    assert found[(f"{name}/scenario.yaml", 1, "title")] == "rename `titel` to `title`"
    assert found[(f"{name}/scenario.yaml", 4, "level")] == "write a number <= 3"
    assert found[(f"{name}/proof.yaml", 1, "plays")] == "add `plays:`"
    assert found[(f"{name}/releases/feed-9.0.1.yaml", 2, "logg")] == "did you mean `log`?"
    assert (f"{name}/debrief.md", 1, "file") in found
    assert (f"{name}/notes.txt", 1, "file") in found


@pytest.mark.parametrize(
    ("old", "new", "where", "what", "step"),
    [
        ('must: "> 0.98"', 'must: "about 1"', "objectives[0].must", "not a comparison", "> 0.98"),
        ("hold: 20s", "hold: 20", "objectives[0].hold", "20 is not a duration", "20s, 3m"),
        ("hold: 20s", "hold: 1.50", "objectives[0].hold", "`1.50` is not a duration", "20s, 3m"),
        ("hold: 20s", "hold: 1:30", "objectives[0].hold", "base sixty", "1m30s"),
        ('tag: "9.0.1"', "tag: 9.10", "events[0].deploy.tag", "`9.10` is read by YAML as a number (9.1)", '"9.10"'),
        ("by: tom", "by: no", "events[0].deploy.by", "`no` is read by YAML as a truth value (false)", '"no"'),
        ("at: strike - 60s", "at: noon", "events[0].at", "not a moment", "strike - 60s"),
        ("at: strike - 60s", "at: strike minus", "events[0].at", "not a moment", "strike + 5s"),
        ("component: feed", "component: fed", "events[0].deploy.component", "`fed` is not known", "`feed`"),
        ("message: \"Log", "mesage: \"Log", "events[0].deploy.message", "is missing", "rename `mesage`"),
        ("family: bad-deploy", "family: bad-deplo", "family", "not known", "`bad-deploy`"),
        ("schema: 1", "schema: 2", "schema", "2", "1"),
        ("rps: 40", "rps: 0", "traffic[0].rps", "is 0", "> 0"),
        ("rps: 40", "rps: yes", "traffic[0].rps", "`yes` is not a number", "a number"),
        ("rps: 40", "rps: .nan", "traffic[0].rps", "is nan", "ordinary number"),
        ("rps: 40", "rps: .inf", "traffic[0].rps", "is inf", "ordinary number"),
        ("[75, 120]", "[75]", "seeded.strike_seconds[1]", "is missing", "add"),
        ("[75, 120]", "75", "seeded.strike_seconds", "is a number", "list"),
        ("skills: [rollback]", "skills: []", "skills", "has 0 entries", "at least 1"),
        ("skills: [rollback]", "skills: rollback", "skills", "is text", "list"),
        ("safeguards: [serving", "safeguards: [servng", "safeguards[0]", "`servng` is not known", "`serving`"),
        ("minutes: 12", "minutes: twelve", "minutes", "`twelve` is not a whole number", "whole number"),
        ("Callers wait for some answers", "Short", "title", "5 characters", "at least 8"),
        ("name: good_share", "name: GoodShare", "objectives[0].name", "another form", "[a-z]"),
        ("truth:\n", "truth: none\nx:\n", "truth", "is text", "mapping"),
        ("root_cause: release-slow-path", "root_cause:", "truth.root_cause", "is empty", "write text"),
    ],
)  # fmt: skip
def test_misfits_are_said_in_plain_words(folder: Path, old: str, new: str, where: str, what: str, step: str) -> None:
    """Each misfit names its line, its dotted path, what is wrong, and the nearest thing that would be right."""
    file = folder / "scenario.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    problems = refused(folder)
    found = [problem for problem in problems if problem.where == where and what in problem.what]
    assert found, "\n".join(str(problem) for problem in problems)
    line = text[: text.index(old)].count("\n") + 1
    assert (found[0].path, found[0].line) == ((folder / "scenario.yaml").as_posix(), line), str(found[0])
    assert step in found[0].next_step


@pytest.mark.parametrize(
    ("new", "where", "what", "step"),
    [
        ("{rolout_undo: deployment/feed}", "plays.undo.steps[0]", "`rolout_undo` is not a verb", "`rollout_undo`"),
        ("{rollout_undo: deployment/feed, apply: .}", "plays.undo.steps[0]", "has 2 keys", "one verb per step"),
        ("restart", "plays.undo.steps[0]", "is text", "rollout_undo, restart, scale"),
        ("{scale: {deployment/feed: two}}", "plays.undo.steps[0].scale.deployment/feed", "not a whole number", "whole"),
        ("{git_revert: {evnt: 1}}", "plays.undo.steps[0].git_revert.event", "is missing", "rename `evnt`"),
        ("{rollout_undo: feed}", "plays.undo.steps[0].rollout_undo", "another form", "deployment/"),
        (
            "{set_env: {deployment/feed: {A: 1}}}",
            "plays.undo.steps[0].set_env.deployment/feed.A",
            "a number (1)",
            '"1"',
        ),
    ],
)
def test_misfits_of_steps_are_reported_once(folder: Path, new: str, where: str, what: str, step: str) -> None:
    """A fault in a step is one problem, not one for every kind of step."""
    file = folder / "proof.yaml"
    file.write_text(file.read_text().replace("{rollout_undo: deployment/model-server}", new, 1))
    problems = [problem for problem in refused(folder) if problem.where == where]
    assert len(problems) == 1
    assert what in problems[0].what
    assert step in problems[0].next_step
    assert problems[0].line == 4


@pytest.mark.parametrize(
    ("name", "what"),
    [("feed.yaml", "component and a tag"), ("fed-1.0.yaml", "component and a tag"), ("feed-1.0.yml", "component"),
     ("prometheus-1.0.yaml", "component and a tag")],
)  # fmt: skip
def test_release_files_are_named_by_component_and_tag(folder: Path, name: str, what: str) -> None:
    """Only components that have releases may bring one."""
    (folder / "releases" / name).write_text("notes: x\n")
    (problem,) = refused(folder)
    assert what in problem.what
    assert "COMPONENT-TAG.yaml" in problem.next_step


def test_release_files_keep_to_the_palette_of_their_component(folder: Path) -> None:
    """A feed has no audit; a share is not above one."""
    (folder / "releases" / "feed-9.0.1.yaml").write_text("notes: x\naudit: {share: 0.1}\n")
    (folder / "releases" / "model-server-9.1.0.yaml").write_text("notes: x\naudit: {share: 8, wait_ms: 1.5}\n")
    wheres = {problem.where for problem in refused(folder)}
    assert wheres == {"audit", "audit.share", "audit.wait_ms"}


def test_folders_have_plain_names(folder: Path) -> None:
    """The slug is typed on command lines, so it is short and lower case."""
    (problem,) = refused(folder.rename(folder.with_name("Plain_Symptom")))
    assert "cannot be a scenario's name" in problem.what


def test_library_goes_on_when_a_folder_is_broken(folder: Path) -> None:
    """The good ones load, the broken one says why."""
    broken = Path(shutil.copytree(folder, folder.with_name("other-symptom")))
    (broken / "proof.yaml").unlink()
    library = load_library(folder.parent)
    assert [loaded.slug for loaded in library] == ["plain-symptom"]
    assert list(library.broken) == ["other-symptom"]
    assert library.get("plain-symptom") is not None
    assert library.get("other-symptom") is None
    assert [problem.path for problem in library.problems] == [(broken / "proof.yaml").as_posix()]


def test_finding_by_name(folder: Path) -> None:
    """A near miss and a part of a name are answered with the nearest scenario."""
    assert find(folder.parent, "plain-symptom").slug == "plain-symptom"
    for wrong in ("plain-symptoms", "plain"):
        with pytest.raises(SettingsError) as caught:
            find(folder.parent, wrong)
        assert caught.value.next_step == "Did you mean `plain-symptom`?"
    with pytest.raises(ContentError):
        find(folder.parent / "nowhere", "plain-symptom")


def test_missing_folder_is_a_content_error(tmp_path: Path) -> None:
    """Neither a missing folder nor an empty one is a traceback."""
    assert "is missing" in refused(tmp_path / "nowhere")[0].what
    (tmp_path / "empty").mkdir()
    assert {problem.path.removeprefix(f"{tmp_path.as_posix()}/") for problem in refused(tmp_path / "empty")} == {
        "empty/scenario.yaml", "empty/proof.yaml", "empty/debrief.md",
    }  # fmt: skip


def problems_of(folder: Path) -> tuple[Problem, ...]:
    try:
        load_scenario(folder)
    except ContentError as error:
        return error.problems
    return ()


SCRAPS = st.one_of(
    st.sampled_from(
        ["[]", "{}", "null", "no", "1.10", "-1", "''", "[{}]", "{a: {b: [1]}}", "~", "\n\t", ": :", "&a [*a]"]
    ),
    st.text(max_size=12),
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_folder_loads_or_is_a_content_error(data: st.DataObject) -> None:
    """Whatever a line of a file is replaced with, nothing but ContentError comes out."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(FIXTURE, Path(place) / "plain-symptom"))
        name = data.draw(st.sampled_from(["scenario.yaml", "proof.yaml", "releases/feed-9.0.1.yaml"]))
        lines = (folder / name).read_text().splitlines()
        at = data.draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[at].partition(": ")
        lines[at] = key + colon + data.draw(SCRAPS)
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        problems = problems_of(folder)
        assert all(problem.line >= 1 and problem.what and problem.next_step for problem in problems)
