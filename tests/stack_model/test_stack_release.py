"""A release file says what a component does differently, or stops it with one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from lab.content.release import RELEASED
from stack.common.errors import StartError
from stack.common.release import (
    Audit,
    BackgroundRelease,
    FeedRelease,
    Log,
    ModelServerRelease,
    RegistryRelease,
    Reject,
    Release,
    ServingRelease,
    Start,
    read_release,
    release_from,
)

REPOSITORY = Path(__file__).parents[2]
KINDS: dict[str, type[Release]] = {
    "model-server": ModelServerRelease,
    "registry": RegistryRelease,
    "gateway": ServingRelease,
    "feed": FeedRelease,
    "monitor": BackgroundRelease,
    "discovery": BackgroundRelease,
    "accelerator": BackgroundRelease,
    "billing": BackgroundRelease,
}


def written(folder: Path, text: str) -> Path:
    path = folder / "release.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_of_the_palette_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "notes: |\n  Checks more.\naudit: {share: 0.08, wait_ms: 2500}\nreject: {share: 1, status: 429}\n"
        "start: {delay_ms: 20}\nlog: {every: 5}\n",
    )
    expected = ServingRelease(
        "2.4.0", "Checks more.\n", start=Start(20), log=Log(5), audit=Audit(0.08, 2500), reject=Reject(1.0, 429)
    )
    assert read_release(path, ServingRelease, "2.4.0") == expected


def test_without_file_and_tag_it_is_the_plain_release(tmp_path: Path) -> None:
    assert release_from({}, ServingRelease) == ServingRelease("dev")
    assert read_release(tmp_path / "absent.yaml", BackgroundRelease) == BackgroundRelease("dev")


def test_the_environment_names_tag_and_file(tmp_path: Path) -> None:
    path = written(tmp_path, "log: {every: 7}")
    environ = {"RELEASE": "1.2.3", "RELEASE_FILE": str(path)}
    assert release_from(environ, BackgroundRelease) == BackgroundRelease("1.2.3", log=Log(7))


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read_release(written(tmp_path, ""), ServingRelease, "1.0.0") == ServingRelease("1.0.0")


def test_steps_of_a_feed_are_read_in_order(tmp_path: Path) -> None:
    text = "transform: [{feature: dep_delay, add: 60, where: {origin: EWR}}, {feature: temp, fill: 0, share: 0.5}]"
    release = read_release(written(tmp_path, text), FeedRelease, "2.4.0")
    first, second = release.transform
    assert (first.feature, first.add, first.where.origin, first.fill) == ("dep_delay", 60, "EWR", None)
    assert (second.feature, second.fill, second.share) == ("temp", 0, 0.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("transform: {feature: temp}", "transform: expected a list, found dict"),
        ("transform: [{scale: 2}]", "transform.0: expected a key feature"),
        ("transform: [{feature: tmep}]", "transform.0.feature: expected dep_delay or sched_hour"),
        ("transform: [{feature: temp, scal: 2}]", "unknown key transform.0.scal; the nearest known key is transform.0"),
        ("transform: [{feature: temp, fill: cold}]", "transform.0.fill: expected a number, found 'cold'"),
        ("transform: [{feature: temp, absolute: 1}]", "transform.0.absolute: expected true or false, found 1"),
        ("transform: [{feature: temp, codes: [1, 2.5]}]", "transform.0.codes.1: expected a whole number, found 2.5"),
        ("transform: [{feature: temp, where: {origin: BOS}}]", "transform.0.where.origin: expected EWR or JFK or LGA"),
    ],
)
def test_a_wrong_step_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(StartError) as caught:
        read_release(written(tmp_path, text), FeedRelease, "2.4.0")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("audti: {share: 0.1}", "unknown key audti; the nearest known key is audit"),
        ("audit: {shre: 0.1}", "unknown key audit.shre; the nearest known key is audit.share"),
        ("tag: 2.0.0", "unknown key tag; the nearest known key is start"),
        ("audit: {share: often}", "audit.share: expected a number, found 'often'"),
        ("audit: {share: 8}", "audit.share: expected 0 to 1, found 8"),
        ("audit: {share: .nan}", "audit.share: expected 0 to 1, found nan"),
        ("audit: {wait_ms: 2.5}", "audit.wait_ms: expected a whole number, found 2.5"),
        ("audit: {wait_ms: true}", "audit.wait_ms: expected a whole number, found True"),
        ("audit: 0.08", "audit: expected a mapping, found float"),
        ("notes: [a]", "notes: expected text, found ['a']"),
        ("- notes", "the file: expected a mapping, found list"),
        ("audit: {share: 0.1}\naudit: {share: 0.2}", "key audit appears twice"),
        ("audit: {share: ", "not readable as YAML"),
    ],
)
def test_a_wrong_file_stops_the_component_with_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(StartError) as caught:
        read_release(path, ServingRelease, "2.4.0")
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="unknown key audit"):
        read_release(written(tmp_path, "audit: {share: 0.1}"), BackgroundRelease, "2.3.2")


def test_a_tag_without_its_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"release 2\.4\.0 brings no release file"):
        read_release(tmp_path / "absent.yaml", ServingRelease, "2.4.0")


def test_every_release_of_the_repository_can_be_read() -> None:
    shipped = [(path.parents[1].name.replace("_", "-"), path) for path in REPOSITORY.glob("stack/*/releases/*.yaml")]
    brought = [(path.name.rpartition("-")[0], path) for path in REPOSITORY.glob("scenarios/*/releases/*.yaml")]
    for component, path in shipped + brought:
        assert read_release(path, KINDS[component], path.stem).notes, path


def test_content_accepts_the_same_palette() -> None:
    """The palette exists twice, since content and stack do not import each other."""
    assert set(RELEASED) == set(KINDS)
    for component, content in RELEASED.items():
        assert _content_palette(content) == _stack_palette(KINDS[component]) - {("tag", "dev")}


def _stack_palette(kind: type[Any], prefix: str = "") -> set[tuple[str, object]]:
    hints, palette = get_type_hints(kind), set()
    for item in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[item.name]):
            palette |= _stack_palette(hints[item.name], f"{prefix}{item.name}.")
        elif dataclasses.is_dataclass(part := _part(hints[item.name])):
            palette |= _stack_palette(part, f"{prefix}{item.name}.0.")
        else:
            required = item.name == "notes" or item.default is dataclasses.MISSING
            palette.add((prefix + item.name, None if required else item.default))
    return palette


def _content_palette(kind: type[Any], prefix: str = "") -> set[tuple[str, object]]:
    palette = set()
    for name, item in kind.model_fields.items():
        if hasattr(item.annotation, "model_fields"):
            palette |= _content_palette(item.annotation, f"{prefix}{name}.")
        elif hasattr(part := _part(item.annotation), "model_fields"):
            palette |= _content_palette(part, f"{prefix}{name}.0.")
        else:
            palette.add((prefix + name, None if item.is_required() or name == "notes" else item.default))
    return palette


def _part(kind: object) -> Any:
    """What a tuple of any length holds; None for anything else."""
    return get_args(kind)[0] if get_origin(kind) is tuple else None
