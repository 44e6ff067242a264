"""The vocabulary of causes is closed, whole and findable; glossary and schemas agree with what they describe."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lab.content.causes import NO_FAULT, Causes, load_causes
from lab.content.glossary import load_glossary
from lab.content.model import VERBS, Proof, Scenario, Step
from lab.content.release import (
    RELEASED,
    BackgroundRelease,
    FeedRelease,
    ModelServerRelease,
    RegistryRelease,
    ServingRelease,
)
from lab.content.schema import SCHEMAS_FOLDER, schema_problems, write_schemas
from lab.errors import ContentError, SettingsError


def test_vocabulary_is_wide_enough_to_hide_an_answer(causes: Causes) -> None:
    """Forty causes and more, `no-fault` among them, in families of two and more."""
    assert len(causes.pickable) >= 40
    assert NO_FAULT in [cause.id for cause in causes.pickable]
    assert all(len(causes.children_of(family.id)) >= 2 for family in causes.families)
    assert len({cause.id for cause in causes}) == len(causes)


def test_tree_has_two_levels(causes: Causes) -> None:
    """A cause has a family; families, symptoms and no-fault have none."""
    for cause in causes:
        parent = causes.parent_of(cause.id)
        if cause.kind == "cause" and cause.id != NO_FAULT:
            assert parent is not None
            assert parent.kind == "family"
        else:
            assert parent is None
    assert causes.parent_of("release-slow-path") == causes.get("release-defect")


def test_definitions_are_one_or_two_sentences(causes: Causes) -> None:
    """The picker shows them whole."""
    for cause in causes:
        assert len(re.findall(r"[.!?](?:\s|$)", cause.definition)) in (1, 2), cause.id


def test_look_alikes_are_not_relatives_of_themselves(causes: Causes) -> None:
    """What a cause is confused with is another cause that can be picked."""
    pickable = {cause.id for cause in causes.pickable}
    for cause in causes:
        assert set(cause.confused_with) <= pickable - {cause.id}


def test_symptoms_are_known_and_not_offered(causes: Causes) -> None:
    """Naming a symptom is recognised as such."""
    symptoms = {cause.id for cause in causes.symptoms}
    assert {"high-latency", "slo-burn"} <= symptoms
    assert not symptoms & {cause.id for cause in causes.pickable}


@pytest.mark.parametrize(
    ("text", "found"),
    [("release-slow-pth", "release-slow-path"), ("Release slow path", "release-slow-path"),
     ("retry_storm", "retry-storm"), ("A cache that expires all at once", "cache-stampede"),
     ("high latency", "high-latency")],
)  # fmt: skip
def test_nearest_forgives_spelling(causes: Causes, text: str, found: str) -> None:
    """Ids and titles are found in spite of case, blanks and slips."""
    cause = causes.nearest(text)
    assert cause is not None
    assert cause.id == found


def test_nearest_of_nonsense_is_nothing(causes: Causes) -> None:
    """No suggestion is better than a wild one."""
    assert causes.nearest("qqqq") is None


def test_search_looks_into_definitions(causes: Causes) -> None:
    """All words have to occur, in whatever form; titles come first; nothing typed shows all."""
    assert "release-slow-path" in [cause.id for cause in causes.search("slower releases")]
    assert "stale-features" in [cause.id for cause in causes.search("refreshing")]
    assert causes.search("certificate")[0].id == "certificate-mismatch"
    assert causes.search("certificate zebra") == ()
    assert len(causes.search("  ")) == len(causes)


def test_unknown_cause_is_refused_with_the_nearest(causes: Causes) -> None:
    """A person is told which one was probably meant."""
    with pytest.raises(SettingsError) as caught:
        causes.require("retry-strom")
    assert "`retry-storm`" in caught.value.next_step
    assert causes.require("retry-storm").title


def test_broken_vocabulary_is_refused(tmp_path: Path) -> None:
    """Doubles, strangers and a missing no-fault are all reported."""
    cause = "{id: a-b, title: Same one, definition: Long enough to be a definition., skills: [x], confused_with: [z]}"
    text = f"- id: fam\n  title: Family\n  definition: Long enough to be a definition.\n  causes:\n    - {cause}\n"
    (tmp_path / "causes.yaml").write_text(text + f"    - {cause}\n")
    with pytest.raises(ContentError) as caught:
        load_causes(tmp_path / "causes.yaml")
    message = str(caught.value)
    assert "`a-b` is there more than once" in message
    assert "`z`, which is not another cause" in message
    assert "`no-fault` is missing" in message


def test_glossary_gives_two_sentences_each() -> None:
    """Forty terms and more, each in two sentences, found by any of its names."""
    glossary = load_glossary()
    assert len(glossary.terms) >= 40
    for term in glossary:
        assert len(re.findall(r"[.!?](?:\s|$)", term.meaning)) == 2, term.term
    assert glossary.get("MEDIAN") == glossary.get("p50")
    assert glossary.get("no such term") is None
    near = glossary.nearest("brier scor")
    assert near is not None
    assert near.term == "Brier score"


def test_glossary_refuses_a_name_given_twice(tmp_path: Path) -> None:
    """One name leads to one term."""
    entry = "- {term: One, also: [two], meaning: This is the first sentence of it. This is the second.}\n"
    (tmp_path / "g.yaml").write_text(entry + entry)
    with pytest.raises(ContentError, match="`two` is there twice"):
        load_glossary(tmp_path / "g.yaml")


def test_committed_schemas_are_those_of_the_models(tmp_path: Path) -> None:
    """A model that changed without its schema is reported with the command that mends it."""
    assert schema_problems(SCHEMAS_FOLDER) == []
    write_schemas(tmp_path)
    schema = json.loads((tmp_path / "scenario.json").read_text())
    assert schema["properties"]["title"]["maxLength"] == 70
    assert schema["$defs"]["Objective"]["properties"]["hold"]["type"] == "string"
    (tmp_path / "scenario.json").write_text("{}")
    (problem,) = schema_problems(tmp_path)
    assert "write_schemas" in problem.next_step


def test_verbs_name_the_steps_in_order() -> None:
    """The list of verbs is the list of step kinds."""
    assert tuple(next(iter(kind.model_fields)) for kind in Step.__args__) == VERBS


def test_models_come_back_from_json(folder: Path) -> None:
    """A scenario dumped as JSON is the same scenario when read again."""
    from lab.content.loader import load_scenario

    loaded = load_scenario(folder)
    models: tuple[BaseModel, ...] = (loaded.scenario, loaded.proof)
    for model in models:
        assert type(model).model_validate_json(model.model_dump_json(by_alias=True)) == model


def test_what_code_builds_is_strict_too() -> None:
    """Unknown keys and steps are refused without YAML as well."""
    with pytest.raises(ValidationError):
        Proof.model_validate({"strike_seconds": 1, "give_up": "1s", "plays": {"a": {"verdict": "pass", "steps": [{}]}}})
    assert "schema" in Scenario.model_json_schema()["properties"]


def test_palette_is_that_of_the_stack() -> None:
    """What lab accepts in a release file is what the components accept: keys, defaults and ranges."""
    release = pytest.importorskip("stack.common.release")
    for ours in (ServingRelease, ModelServerRelease, RegistryRelease, FeedRelease, BackgroundRelease):
        theirs = getattr(release, ours.__name__)
        written = {field.name: field for field in dataclasses.fields(theirs) if field.name != "tag"}
        assert set(ours.model_fields) == set(written)
        for name, field in written.items():
            assert_same_palette(ours.model_fields[name].default, field.default)
    assert set(RELEASED) == {
        "model-server", "gateway", "feed", "monitor", "discovery", "registry", "accelerator", "billing",
    }  # fmt: skip


def assert_same_palette(ours: Any, theirs: Any) -> None:
    """Compare one group of keys, such as `audit`, by name, default and both ends of its range."""
    if not isinstance(ours, BaseModel):
        return
    fields = {field.name: field for field in dataclasses.fields(theirs)}
    assert set(type(ours).model_fields) == set(fields)
    for name, field in fields.items():
        assert getattr(ours, name) == field.default
        if choices := field.metadata.get("one_of"):
            for choice in choices:
                type(ours).model_validate({name: choice})
            with pytest.raises(ValidationError):
                type(ours).model_validate({name: "neither"})
            continue
        low, high = field.metadata["within"]
        for bound in (low, high):
            type(ours).model_validate({name: bound})
        for outside in (low - 1, high + 1):
            with pytest.raises(ValidationError):
                type(ours).model_validate({name: outside})
