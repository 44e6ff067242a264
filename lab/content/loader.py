"""Scenario folders as typed content: everything of one folder, or every problem of it at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab.content.model import COMPONENTS, Component, Proof, Scenario
from lab.content.names import nearest_name, suggestion
from lab.content.release import RELEASED
from lab.content.validation import validate
from lab.content.yamlfile import parse_yaml, read_text, read_yaml
from lab.errors import ContentError, Problem, SettingsError

SCENARIO_FILE = "scenario.yaml"
PROOF_FILE = "proof.yaml"
DEBRIEF_FILE = "debrief.md"
RELEASES_FOLDER = "releases"
FILES = (SCENARIO_FILE, PROOF_FILE, DEBRIEF_FILE)

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_SLUG = 40
TAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """One scenario folder, read, checked against its model, and named by what it holds."""

    slug: str
    folder: Path
    scenario: Scenario
    proof: Proof
    debrief: str
    releases: Mapping[tuple[Component, str], Path]
    """Release files by component and tag."""
    content_hash: str
    """SHA-256 over names and contents of all files of the folder, in hexadecimal; line ends do not count."""
    scenario_yaml: str
    proof_yaml: str

    def path(self, name: str) -> str:
        """Path of one of its files as problems show it, so that a terminal can open it."""
        return _shown(self.folder, name)


@dataclass(frozen=True, slots=True)
class Library:
    """All scenario folders below one root; a broken one does not hide the others."""

    root: Path
    scenarios: tuple[LoadedScenario, ...]
    """Those that can be used, by slug."""
    broken: Mapping[str, ContentError]
    """Why the others cannot, by folder name."""

    def __iter__(self) -> Iterator[LoadedScenario]:
        return iter(self.scenarios)

    def get(self, slug: str) -> LoadedScenario | None:
        """The scenario of this slug, or None."""
        return next((item for item in self.scenarios if item.slug == slug), None)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem of the broken folders."""
        return tuple(problem for error in self.broken.values() for problem in error.problems)


def parse_scenario(text: str, path: str) -> Scenario:
    """A scenario from its text alone, as an evidence bundle carries it; raises ContentError."""
    return validate(Scenario, parse_yaml(text, path))


def parse_proof(text: str, path: str) -> Proof:
    """A proof from its text alone; raises ContentError."""
    return validate(Proof, parse_yaml(text, path))


def load_library(root: Path) -> Library:
    """Every scenario folder below root, by name; raises ContentError only when root is no folder."""
    loaded: list[LoadedScenario] = []
    broken: dict[str, ContentError] = {}
    for folder in _folders(root):
        try:
            loaded.append(load_scenario(folder))
        except ContentError as error:
            broken[folder.name] = error
    return Library(root, tuple(loaded), broken)


def find(root: Path, slug: str) -> LoadedScenario:
    """
    The scenario of this slug.

    Raises:
        SettingsError: there is no such folder; names the nearest one.
        ContentError: the folder is there and has problems.
    """
    names = [folder.name for folder in _folders(root)]
    if slug in names:
        return load_scenario(root / slug)
    near = nearest_name(slug, names)
    step = f"Did you mean `{near}`?" if near else "`lab scenarios` lists those there are."
    raise SettingsError("No such incident", f"There is no incident `{slug}`.", step)


def load_scenario(folder: Path) -> LoadedScenario:
    """Read one scenario folder; raises ContentError with all problems of the folder at once."""
    if not folder.is_dir():
        problem = Problem(str(folder), 1, "folder", "is missing", "name a folder that holds a scenario.yaml")
        raise ContentError(f"Cannot use {folder.name}", [problem])
    problems = _name_problems(folder)
    files = _files(folder, problems)
    releases = _releases(folder, files, problems)
    scenario_yaml = _text(folder, SCENARIO_FILE, problems)
    scenario = _typed(parse_scenario, scenario_yaml, _shown(folder, SCENARIO_FILE), problems)
    proof_yaml = _text(folder, PROOF_FILE, problems)
    proof = _typed(parse_proof, proof_yaml, _shown(folder, PROOF_FILE), problems)
    debrief = _text(folder, DEBRIEF_FILE, problems)
    if debrief is not None and not debrief.strip():
        problems.append(Problem(_shown(folder, DEBRIEF_FILE), 1, "file", "is empty", "tell what happened, see another"))
    if scenario is None or proof is None or debrief is None or problems or scenario_yaml is None or proof_yaml is None:
        raise ContentError(f"Cannot use the scenario {folder.name}", problems)
    return LoadedScenario(
        folder.name, folder, scenario, proof, debrief, releases, _hash(folder, files), scenario_yaml, proof_yaml
    )


def _shown(folder: Path, *names: str) -> str:
    return folder.joinpath(*names).as_posix()


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        problem = Problem(str(root), 1, "folder", "is missing", "name the folder that holds the scenarios")
        raise ContentError("Cannot find the scenarios", [problem])
    return sorted(item for item in root.iterdir() if item.is_dir() and not _is_hidden(item))


def _is_hidden(item: Path) -> bool:
    return item.name.startswith((".", "__")) or item.name.endswith("~")


def _name_problems(folder: Path) -> list[Problem]:
    if SLUG.fullmatch(folder.name) and len(folder.name) <= MAX_SLUG:
        return []
    step = f"use at most {MAX_SLUG} of a-z and 0-9, words joined by single dashes"
    return [Problem(folder.as_posix(), 1, "folder", f"`{folder.name}` cannot be a scenario's name", step)]


def _files(folder: Path, problems: list[Problem]) -> list[Path]:
    """All files that count, by name; what does not belong there is a problem."""
    found: list[Path] = []
    for item in sorted(folder.iterdir()):
        if _is_hidden(item):
            continue
        if item.name == RELEASES_FOLDER and item.is_dir():
            found += sorted(inner for inner in item.iterdir() if not _is_hidden(inner))
        elif item.name in FILES and item.is_file():
            found.append(item)
        else:
            step = suggestion(item.name, [*FILES, RELEASES_FOLDER + "/"])
            problems.append(Problem(_shown(folder, item.name), 1, "file", "does not belong here", step))
    return found


def _releases(folder: Path, files: list[Path], problems: list[Problem]) -> dict[tuple[Component, str], Path]:
    releases: dict[tuple[Component, str], Path] = {}
    for file in files:
        if file.parent == folder:
            continue
        shown = _shown(folder, RELEASES_FOLDER, file.name)
        named = _release_name(file.name)
        if named is None or named[0] not in RELEASED:
            known = ", ".join(sorted(RELEASED))
            step = f"name it COMPONENT-TAG.yaml; components with releases are {known}"
            problems.append(Problem(shown, 1, "file", "does not name a component and a tag", step))
            continue
        try:
            validate(RELEASED[named[0]], read_yaml(file, shown))
        except ContentError as error:
            problems += error.problems
        releases[named] = file
    return releases


def _release_name(name: str) -> tuple[Component, str] | None:
    """`model-server-2.4.0.yaml` -> `("model-server", "2.4.0")`; None when it is not of that form."""
    stem = name.removesuffix(".yaml")
    for component in COMPONENTS:
        tag = stem.removeprefix(component + "-")
        if tag != stem and stem != name and TAG.fullmatch(tag):
            return component, tag
    return None


def _text(folder: Path, name: str, problems: list[Problem]) -> str | None:
    try:
        return read_text(folder / name, _shown(folder, name))
    except ContentError as error:
        problems += error.problems
        return None


def _typed(parse: Callable[[str, str], T], text: str | None, path: str, problems: list[Problem]) -> T | None:
    if text is None:
        return None
    try:
        return parse(text, path)
    except ContentError as error:
        problems += error.problems
        return None


def _hash(folder: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda item: item.relative_to(folder).as_posix()):
        data = file.read_bytes().replace(b"\r\n", b"\n")
        name = file.relative_to(folder).as_posix().encode()
        digest.update(b"%d:%s%d:" % (len(name), name, len(data)) + data)
    return digest.hexdigest()
