"""The terms that the product uses, each in two sentences, with a query that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictStr

from lab.content.causes import read_entries
from lab.content.model import Content
from lab.content.names import nearest_name
from lab.content.validation import validate
from lab.errors import ContentError, Problem

GLOSSARY_FILE = Path(__file__).with_name("glossary.yaml")


class Term(Content):
    """One term."""

    term: Annotated[StrictStr, Field(min_length=2)]
    also: tuple[StrictStr, ...] = ()
    """Other spellings under which it is found."""
    meaning: Annotated[StrictStr, Field(min_length=40)]
    """Two sentences."""
    query: StrictStr | None = None
    """A PromQL expression that shows it on the stack; None where nothing measures it."""


class _Terms(Content):
    entries: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Glossary:
    """All terms, in alphabetical order."""

    terms: tuple[Term, ...]

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    def get(self, name: str) -> Term | None:
        """The term of this name or other spelling, whatever its case; None when it is unknown."""
        wanted = name.strip().lower()
        return next((term for term in self.terms if wanted in _names(term)), None)

    def nearest(self, name: str) -> Term | None:
        """The term whose name is closest, or None."""
        near = nearest_name(name.strip(), [known for term in self.terms for known in _names(term)])
        return self.get(near) if near is not None else None


def _names(term: Term) -> tuple[str, ...]:
    return (term.term.lower(), *(other.lower() for other in term.also))


def load_glossary(file: Path = GLOSSARY_FILE) -> Glossary:
    """Read the glossary; raises ContentError with every problem in it."""
    document = read_entries(file)
    terms = validate(_Terms, document).entries
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, term in enumerate(terms):
        for name in _names(term):
            if name in seen:
                problems.append(document.problem(("entries", index), f"`{name}` is there twice", "keep one"))
            seen.add(name)
    if problems:
        raise ContentError("Cannot use the glossary", problems)
    return Glossary(tuple(sorted(terms, key=lambda term: term.term.lower())))
