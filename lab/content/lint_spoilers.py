"""The spoiler scan: nothing that a learner can read before grading may name the answer."""

from __future__ import annotations

from collections.abc import Iterator

from lab.content.causes import Causes
from lab.content.loader import SCENARIO_FILE, LoadedScenario
from lab.content.model import DeployEvent
from lab.content.stems import contains_phrase, shared_stems
from lab.content.yamlfile import Document, Where, read_yaml
from lab.errors import Problem

_REPHRASE = "say what people see, not why it happens"


def spoiler_problems(loaded: LoadedScenario, document: Document, causes: Causes) -> Iterator[Problem]:
    """
    Where a reachable text names the cause by its id, its title or a word of `truth.words`.

    The slug and the title may not share a single word stem with it; longer texts may not hold one of those phrases.
    """
    truth = loaded.scenario.truth
    cause = causes.get(truth.root_cause)
    phrases = [truth.root_cause, *([cause.title] if cause is not None else []), *truth.words]
    giveaway = " ".join(phrases)
    if shared := shared_stems(loaded.slug.replace("-", " "), giveaway):
        what = f"the folder's name shares {_listed(shared)} with the cause"
        yield Problem(loaded.path(SCENARIO_FILE), 1, "folder", what, f"rename the folder: {_REPHRASE}")
    if shared := shared_stems(loaded.scenario.title, giveaway):
        yield document.problem(("title",), f"shares {_listed(shared)} with the cause", _REPHRASE)
    for where, text in _texts(loaded):
        for phrase in phrases:
            if contains_phrase(text, phrase):
                yield document.problem(where, f"holds `{phrase}`, which gives the cause away", _REPHRASE)
    yield from _release_problems(loaded, phrases)


def _texts(loaded: LoadedScenario) -> Iterator[tuple[Where, str]]:
    scenario = loaded.scenario
    yield ("briefing",), scenario.briefing
    for index, event in enumerate(scenario.events):
        kind = "deploy" if isinstance(event, DeployEvent) else "registry"
        yield ("events", index, kind, "message"), event.message
        yield ("events", index, kind, "by"), event.by
    for index, hint in enumerate(scenario.hints):
        yield ("hints", index, "text"), hint.text
    for index, objective in enumerate(scenario.objectives):
        yield ("objectives", index, "name"), objective.name.replace("_", " ")


def _release_problems(loaded: LoadedScenario, phrases: list[str]) -> Iterator[Problem]:
    for (component, tag), file in sorted(loaded.releases.items()):
        release = read_yaml(file, file.as_posix())
        notes = release.at(("notes",))
        for phrase in phrases:
            if contains_phrase(f"{component} {tag}", phrase):
                yield Problem(release.path, 1, "file", f"is named with `{phrase}`", "name tags by numbers alone")
            if contains_phrase(str(notes), phrase):
                what = f"hold `{phrase}`, which gives the cause away"
                yield release.problem(("notes",), what, "write what an honest author would have known")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
