"""Everything that can be said about the content without running it: what `lab check` prints and CI refuses."""

from __future__ import annotations

from pathlib import Path

from lab.content.causes import Causes, load_causes
from lab.content.glossary import load_glossary
from lab.content.lint import lint
from lab.content.loader import SCENARIO_FILE, Library, load_library, load_scenario
from lab.content.names import suggestion
from lab.content.promql import metric_names
from lab.content.schema import schema_problems
from lab.content.telemetry import Telemetry, load_telemetry
from lab.errors import ContentError, Problem


def check_library(root: Path, telemetry: Path) -> list[Problem]:
    """
    Every problem of the scenarios below root (or of the one that root is), of vocabulary, glossary and schemas.

    `telemetry` is the telemetry.yaml of the platform; without it, names of metrics and alerts go unchecked.
    """
    problems = schema_problems()
    known = _telemetry(telemetry, problems)
    causes = _causes(problems)
    problems += _glossary_problems(known)
    try:
        library = _library(root)
    except ContentError as error:
        return [*problems, *error.problems]
    problems += library.problems
    if causes is not None:
        problems += _reachable_families(causes)
        for loaded in library:
            problems += lint(loaded, causes, known)
    problems += _same_titles(library)
    return sorted(dict.fromkeys(problems), key=lambda item: (item.path, item.line, item.where))


def _library(root: Path) -> Library:
    """The library below root, or a library of one where root itself is a scenario's folder."""
    if not (root / SCENARIO_FILE).is_file():
        return load_library(root)
    return Library(root, (load_scenario(root),), {})


def _telemetry(file: Path, problems: list[Problem]) -> Telemetry | None:
    try:
        return load_telemetry(file)
    except ContentError as error:
        problems += error.problems
        return None


def _causes(problems: list[Problem]) -> Causes | None:
    try:
        return load_causes()
    except ContentError as error:
        problems += error.problems
        return None


def _reachable_families(causes: Causes) -> list[Problem]:
    """Families with one child give their child away when the parent is named."""
    return [
        Problem("causes.yaml", 1, family.id, "has fewer than two causes", "add one, or move it to another family")
        for family in causes.families
        if len(causes.children_of(family.id)) < 2
    ]


def _glossary_problems(telemetry: Telemetry | None) -> list[Problem]:
    try:
        glossary = load_glossary()
    except ContentError as error:
        return list(error.problems)
    problems = []
    for term in glossary:
        for name in metric_names(term.query or "") if telemetry is not None else ():
            if telemetry is not None and not telemetry.knows(name):
                what, step = f"asks for `{name}`, which no part exports", suggestion(name, telemetry.series)
                problems.append(Problem("glossary.yaml", 1, term.term, what, step))
    return problems


def _same_titles(library: Library) -> list[Problem]:
    first: dict[str, str] = {}
    problems = []
    for loaded in library:
        title = " ".join(loaded.scenario.title.lower().split())
        if title in first:
            what = f"is the title of `{first[title]}` too"
            problems.append(Problem(loaded.path(SCENARIO_FILE), 1, "title", what, "tell the two apart"))
        first.setdefault(title, loaded.slug)
    return problems
