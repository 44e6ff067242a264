"""The front matter of a note, read key by key so that one broken value does not hide the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import yaml

from lab.content.names import suggestion
from lab.errors import Problem
from lab.grading.layout import KEYS

MAX_DEPTH = 8
MAX_KEYS = 100
"""Further keys are not read."""
MAX_ROWS = 50
"""Further rows of a list are not read."""


@dataclass(frozen=True, slots=True)
class Text:
    """A value as it was written, unquoted; every scalar is text, so that 1:30 and 007 stay what they are."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A list."""

    line: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping, in the order written."""

    line: int
    entries: tuple[tuple[str, Item], ...]

    def text(self, key: str) -> str:
        """The text of a key, empty if it is not there or not text."""
        return next((one.text for name, one in self.entries if name == key and isinstance(one, Text)), "")


Item = Text | Rows | Mapping


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """Every value given for every key; a key written twice has two."""

    line: int
    given: dict[str, list[Item]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def answers(self, key: str) -> tuple[str, ...]:
        """All texts given for a key: none, one, or several where a list or the key itself was repeated."""
        found: list[str] = []
        for item in self.given.get(key, []):
            match item:
                case Text():
                    found.append(item.text)
                case Rows():
                    found += [one.text for one in item.items if isinstance(one, Text)]
                case Mapping():
                    found += [name for name, _ in item.entries]
        return tuple(text for text in found if text.strip())

    def text(self, key: str) -> str:
        """The one text given for a key; empty where there is none or more than one."""
        answers = self.answers(key)
        return answers[0].strip() if len(answers) == 1 else ""

    def rows(self, key: str) -> tuple[Mapping, ...]:
        """The mappings of a list; a single mapping counts as a list of one."""
        rows: list[Mapping] = []
        for item in self.given.get(key, []):
            if isinstance(item, Mapping):
                rows.append(item)
            elif isinstance(item, Rows):
                rows += [one for one in item.items if isinstance(one, Mapping)]
        return tuple(rows[:MAX_ROWS])

    def line_of(self, key: str) -> int:
        """Line of a key's value, or of the front matter where the key is not there."""
        given = self.given.get(key)
        return given[0].line if given else self.line


def read_front_matter(lines: list[str], first: int, path: str) -> FrontMatter:
    """The front matter in these lines, whose first is line `first` of the file, with every problem found."""
    matter = FrontMatter(line=max(1, first - 1))
    for start, chunk in islice(_chunks(lines), MAX_KEYS):
        line = first + start
        match = re.match(r"\s*([\w-]+)\s*:(?:\s|$)", chunk[0])
        if match is None:
            what, step = f"`{chunk[0].strip()[:40]}` is not a key", "write `key: value`, and indent what continues it"
            matter.problems.append(Problem(path, line, "front matter", what, step))
            continue
        key = match[1].lower().replace("-", "_")
        if key not in KEYS:
            matter.problems.append(Problem(path, line, key[:40], "is not a key of a note", suggestion(key[:40], KEYS)))
        if key in matter.given:
            matter.problems.append(Problem(path, line, key, "is written twice", "keep one answer"))
        item = _value(chunk, line, key, path, matter.problems)
        if item is not None:
            matter.given.setdefault(key, []).append(item)
    return matter


def _chunks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Top-level keys with the lines that continue them, by index of their first line."""
    start, chunk = 0, list[str]()
    for index, line in enumerate(lines):
        bare = line.strip()
        continues = line[:1] in (" ", "\t", "]", "}", "-") or not bare or bare.startswith("#")
        if not continues or not chunk:
            if chunk:
                yield start, chunk
            start, chunk = index, [line] if bare and not bare.startswith("#") else []
        else:
            chunk.append(line)
    if chunk:
        yield start, chunk


def _value(chunk: list[str], line: int, key: str, path: str, problems: list[Problem]) -> Item | None:
    text = "\n".join(chunk)
    try:
        item = _build(text, line)
    except _Refused as refused:
        problems.append(Problem(path, refused.line, key, refused.what, "write plain values, lists and keys"))
        return None
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        at = line + mark.line if mark else line
        what = (error.problem if isinstance(error, yaml.MarkedYAMLError) else None) or "is not YAML"
        problems.append(Problem(path, min(at, line + len(chunk) - 1), key, what, "put the text in double quotes"))
        rest = chunk[0].partition(":")[2].strip()
        return Text(line, rest) if rest else None
    match item:
        case Mapping(entries=((_, value), *_)):
            return value
        case _:
            return None


class _Refused(Exception):
    """A value that a note has no use for."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


def _build(text: str, first: int) -> Item:
    events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            return _item(event, events, first, 0)
    return Text(first, "")


def _item(event: yaml.Event, events: Iterator[yaml.Event], first: int, depth: int) -> Item:
    line = first + (event.start_mark.line if event.start_mark else 0)
    if depth > MAX_DEPTH:
        raise _Refused(line, "is nested too deeply")
    match event:
        case yaml.ScalarEvent():
            plain = event.style is None and event.value.lower() in ("", "~", "null")
            return Text(line, "" if plain else str(event.value))
        case yaml.SequenceStartEvent():
            items: list[Item] = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                items.append(_item(inner, events, first, depth + 1))
            return Rows(line, tuple(items))
        case yaml.MappingStartEvent():
            entries: list[tuple[str, Item]] = []
            while not isinstance(inner := next(events), yaml.MappingEndEvent):
                name = _item(inner, events, first, depth + 1)
                value = _item(next(events), events, first, depth + 1)
                entries.append((name.text.strip().lower() if isinstance(name, Text) else "?", value))
            return Mapping(line, tuple(entries))
        case _:
            raise _Refused(line, "uses an alias (*name)")
