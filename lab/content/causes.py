"""The closed vocabulary of root causes: what a learner picks from, the same in every run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictStr

from lab.content.model import Content
from lab.content.names import nearest_name, suggestion
from lab.content.stems import stems
from lab.content.validation import validate
from lab.content.yamlfile import Document, read_yaml
from lab.errors import ContentError, Problem, SettingsError

NO_FAULT = "no-fault"
"""The cause of a quiet run."""

CAUSES_FILE = Path(__file__).with_name("causes.yaml")
SYMPTOMS_FILE = Path(__file__).with_name("symptoms.yaml")

Id = Annotated[StrictStr, Field(pattern=r"^[a-z]+(-[a-z]+)*$")]
Kind = Literal["family", "cause", "symptom"]


class Entry(Content):
    """What every entry of the vocabulary has."""

    id: Id
    title: Annotated[StrictStr, Field(min_length=4, max_length=70)]
    definition: Annotated[StrictStr, Field(min_length=20)]
    """One or two sentences: what it is, and how it differs from what looks alike."""


class WrittenCause(Entry):
    """One cause as causes.yaml has it, below its family."""

    skills: Annotated[tuple[StrictStr, ...], Field(min_length=1)]
    confused_with: tuple[Id, ...] = ()


class WrittenFamily(Entry):
    """A family of causes as causes.yaml has it."""

    causes: tuple[WrittenCause, ...]


class _Families(Content):
    entries: tuple[WrittenFamily, ...]


class _Symptoms(Content):
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry: a family, a cause, or a symptom that people take for a cause."""

    id: str
    title: str
    definition: str
    kind: Kind
    parent: str | None = None
    """Id of the family; None for families, symptoms and `no-fault`."""
    skills: tuple[str, ...] = ()
    confused_with: tuple[str, ...] = ()
    """Ids of causes that look alike."""


@dataclass(frozen=True)
class Causes:
    """The whole vocabulary, in the order in which it is shown."""

    entries: tuple[Cause, ...]

    def __iter__(self) -> Iterator[Cause]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, cause_id: object) -> bool:
        return cause_id in self._by_id

    def get(self, cause_id: str) -> Cause | None:
        """The entry of this id, or None."""
        return self._by_id.get(cause_id)

    def require(self, cause_id: str) -> Cause:
        """The entry of this id; raises SettingsError with the nearest known one."""
        if (cause := self.get(cause_id)) is not None:
            return cause
        near = self.nearest(cause_id)
        step = f"Did you mean `{near.id}` ({near.title})?" if near else "See `lab incident causes`."
        raise SettingsError("No such cause", f"`{cause_id}` is not in the vocabulary.", step)

    @property
    def pickable(self) -> tuple[Cause, ...]:
        """What a picker offers: the causes below the families, and `no-fault`."""
        return tuple(cause for cause in self.entries if cause.kind == "cause")

    @property
    def families(self) -> tuple[Cause, ...]:
        """The parents."""
        return tuple(cause for cause in self.entries if cause.kind == "family")

    @property
    def symptoms(self) -> tuple[Cause, ...]:
        """What is often named as a cause and is none."""
        return tuple(cause for cause in self.entries if cause.kind == "symptom")

    def children_of(self, family_id: str) -> tuple[Cause, ...]:
        """The causes of one family."""
        return tuple(cause for cause in self.entries if cause.parent == family_id)

    def parent_of(self, cause_id: str) -> Cause | None:
        """The family of a cause; None for a family, a symptom, `no-fault`, or an unknown id."""
        cause = self.get(cause_id)
        return self.get(cause.parent) if cause is not None and cause.parent is not None else None

    def nearest(self, text: str) -> Cause | None:
        """The entry whose id or title is closest to the text, or None when none is close."""
        wanted = re.sub(r"[\s_]+", "-", text.strip().lower())
        names = {**self._by_id} | {cause.title.lower().replace(" ", "-"): cause for cause in self.entries}
        name = nearest_name(wanted, names)
        return names[name] if name is not None else None

    def search(self, text: str) -> tuple[Cause, ...]:
        """Entries in which every word of the text occurs, those with it in the title first; all for an empty text."""
        words = stems(text)
        if not words:
            return self.entries
        found = [cause for cause in self.entries if all(_has(word, self._stems[cause.id]) for word in words)]
        return tuple(sorted(found, key=lambda cause: not all(_has(word, stems(cause.title)) for word in words)))

    @cached_property
    def _by_id(self) -> Mapping[str, Cause]:
        return {cause.id: cause for cause in self.entries}

    @cached_property
    def _stems(self) -> Mapping[str, tuple[str, ...]]:
        return {cause.id: stems(f"{cause.id} {cause.title} {cause.definition}") for cause in self.entries}


def _has(word: str, known: tuple[str, ...]) -> bool:
    return any(item.startswith(word) for item in known)


def load_causes(causes_file: Path = CAUSES_FILE, symptoms_file: Path = SYMPTOMS_FILE) -> Causes:
    """Read the vocabulary; raises ContentError with every problem in it."""
    families_document = read_entries(causes_file)
    symptoms_document = read_entries(symptoms_file)
    families = validate(_Families, families_document).entries
    symptoms = validate(_Symptoms, symptoms_document).entries
    entries = [entry for family in families for entry in _of_family(family)]
    entries += [Cause(item.id, item.title, item.definition, "symptom") for item in symptoms]
    problems = _problems(entries, families_document)
    if problems:
        raise ContentError("Cannot use the vocabulary of causes", problems)
    return Causes(tuple(entries))


def read_entries(file: Path) -> Document:
    """A YAML file that is one list, as a document that has it under the key `entries`."""
    document = read_yaml(file)
    lines = {("entries", *where): line for where, line in document.lines.items()}
    written = {("entries", *where): text for where, text in document.written.items()}
    return Document(document.path, {"entries": document.value}, lines, written)


def _of_family(family: WrittenFamily) -> list[Cause]:
    if not family.causes:
        return [Cause(family.id, family.title, family.definition, "cause")]
    head = Cause(family.id, family.title, family.definition, "family")
    return [head] + [
        Cause(item.id, item.title, item.definition, "cause", family.id, item.skills, item.confused_with)
        for item in family.causes
    ]


def _problems(entries: list[Cause], document: Document) -> list[Problem]:
    ids = [entry.id for entry in entries]
    titles = [entry.title.lower() for entry in entries]
    problems: list[Problem] = []

    def refuse(what: str, next_step: str) -> None:
        problems.append(Problem(document.path, 1, "entries", what, next_step))

    for entry in entries:
        if ids.count(entry.id) > 1:
            refuse(f"`{entry.id}` is there more than once", "keep one")
        if titles.count(entry.title.lower()) > 1:
            refuse(f"the title of `{entry.id}` is there more than once", "tell the two apart by their titles")
        for other in entry.confused_with:
            if other not in ids or other == entry.id:
                refuse(f"`{entry.id}` is confused with `{other}`, which is not another cause", suggestion(other, ids))
    if NO_FAULT not in ids:
        refuse(f"`{NO_FAULT}` is missing", "add it: quiet runs need it")
    return problems
