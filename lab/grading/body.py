"""The Markdown of a note: its sections, and the words in them that the template did not bring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent

from lab.errors import Problem
from lab.grading.frontmatter import FrontMatter, read_front_matter
from lab.grading.layout import PROMPTS

MAX_CHARACTERS = 100_000
"""Longer notes are cut off there, and say so."""

_HEADING = re.compile(r"(#{1,6})\s(.*)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r"\s*(```|~~~)")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORD = re.compile(rf"{_WIDE.pattern}|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")

_OTHER_NAMES = {
    "tl;dr": "Summary",
    "root cause": "Root cause and trigger",
    "root causes": "Root cause and trigger",
    "cause": "Root cause and trigger",
    "cause and trigger": "Root cause and trigger",
    "trigger": "Root cause and trigger",
    "resolution": "Mitigation",
    "mitigation and resolution": "Mitigation",
    "action items": "Actions",
    "follow-ups": "Actions",
    "next steps": "Actions",
    "corrective actions": "Actions",
}
_NAMES = {heading.lower(): heading for heading in PROMPTS} | _OTHER_NAMES


@dataclass(frozen=True, slots=True)
class Note:
    """A note as written: front matter, sections by their name in the template, and what could not be read."""

    path: str
    matter: FrontMatter
    sections: dict[str, str]
    """Text under each known heading, template prompts and comments left out."""
    lines: dict[str, int]
    """Line of each known heading."""
    body: str
    """The whole Markdown without comments."""
    body_line: int
    problems: tuple[Problem, ...]


def read_note(text: str, path: str) -> Note:
    """Read a note; never raises: what cannot be read is among the problems, and the rest is there."""
    problems: list[Problem] = []
    if len(text) > MAX_CHARACTERS:
        problems.append(Problem(path, 1, "note", f"is longer than {MAX_CHARACTERS} characters", "shorten it"))
    lines = text[:MAX_CHARACTERS].removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start, end, body_start = _bounds(lines)
    if start is None:
        what, step = "there is no front matter", "begin with a line `---`, the keys, and another line `---`"
        problems.append(Problem(path, 1, "front matter", what, step))
        matter = FrontMatter(line=1)
    else:
        matter = read_front_matter(dedent("\n".join(lines[start:end])).split("\n"), start + 1, path)
        if end == body_start:
            problems.append(Problem(path, end, "front matter", "is not closed", "end it with a line `---`"))
    body = "\n".join(lines[body_start:])
    plain = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), body)
    sections, heading_lines = _sections(plain.split("\n"), body_start + 1)
    problems += matter.problems
    return Note(path, matter, sections, heading_lines, plain, body_start + 1, tuple(problems))


def words(text: str) -> list[str]:
    """Words of a text in lower case; in scripts without spaces each character counts, two to a word."""
    found = [word.lower() for word in _WORD.findall(text)]
    wide = [word for word in found if _WIDE.fullmatch(word)]
    return [word for word in found if not _WIDE.fullmatch(word)] + wide[::2]


def _bounds(lines: list[str]) -> tuple[int | None, int, int]:
    """Index of the first and past the last line of the front matter, and of the first line of the body."""
    opening = next((index for index, line in enumerate(lines) if line.strip()), None)
    if opening is None or lines[opening].rstrip() != "---":
        return None, 0, 0
    for index in range(opening + 1, len(lines)):
        if lines[index].rstrip() in ("---", "..."):
            return opening + 1, index, index + 1
        if _known(lines[index]) is not None:
            return opening + 1, index, index
    return opening + 1, len(lines), len(lines)


def _known(line: str) -> str | None:
    match = _HEADING.fullmatch(line)
    if match is None:
        return None
    name = re.sub(r"^[\d.)\s]+|[*_`:.#]+", "", match[2]).strip().lower()
    return _NAMES.get(name)


def _sections(lines: list[str], first: int) -> tuple[dict[str, str], dict[str, int]]:
    texts: dict[str, list[str]] = {}
    heads: dict[str, int] = {}
    current: str | None = None
    level, fence = 0, False
    for index, line in enumerate(lines):
        if _FENCE.match(line):
            fence = not fence
        heading = None if fence else _HEADING.fullmatch(line)
        if heading is not None:
            depth, known = len(heading[1]), _known(line)
            if known is not None:
                current, level = known, depth
                heads.setdefault(known, first + index)
                texts.setdefault(known, [])
                continue
            if depth <= level:
                current = None
        if current is not None and not _is_prompt(line):
            texts[current].append(line)
    return {name: "\n".join(text).strip() for name, text in texts.items()}, heads


def _is_prompt(line: str) -> bool:
    bare = line.strip().removeprefix("<!--").removesuffix("-->").strip()
    return bare in PROMPTS.values()
