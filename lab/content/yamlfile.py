"""
YAML that knows where everything was written, and refuses what YAML would quietly change.

Refused with the line: equal keys in one mapping, keys that are not text, `1:30` and `010` (YAML reads 90 and 8), own
tags, values that contain themselves, and documents nested or expanded beyond any honest use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lab.errors import ContentError, Problem

Key = str | int
Where = tuple[Key, ...]
"""Path to a value: keys of mappings and indices of lists, from the outside in."""

MAX_DEPTH = 40
MAX_VALUES = 50_000
MAX_BYTES = 1_000_000

_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BASE_SIXTY = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-7_]+")
_TAG = "tag:yaml.org,2002:"


def where_text(where: Sequence[Key]) -> str:
    """Dotted form of a path: `("objectives", 0, "must")` -> `objectives[0].must`."""
    text = ""
    for key in where:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "document"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, and where each part of it stands."""

    path: str
    value: object
    lines: Mapping[Where, int]
    """Line, from 1, of each key and list item."""
    written: Mapping[Where, str]
    """The unquoted text of each scalar that YAML reads as something else than text."""

    def line(self, where: Sequence[Key]) -> int:
        """Line of a path, or of the nearest part of it that was written; 1 for an empty document."""
        for length in range(len(where), 0, -1):
            if (line := self.lines.get(tuple(where[:length]))) is not None:
                return line
        return self.lines.get((), 1)

    def at(self, where: Sequence[Key]) -> object:
        """The value at a path, or None where nothing was written."""
        value = self.value
        for key in where:
            match value:
                case dict() if key in value:
                    value = value[key]
                case list() if isinstance(key, int) and 0 <= key < len(value):
                    value = value[key]
                case _:
                    return None
        return value

    def problem(self, where: Sequence[Key], what: str, next_step: str) -> Problem:
        """A problem that points at this path."""
        return Problem(self.path, self.line(where), where_text(where), what, next_step)


def read_yaml(file: Path, shown: str | None = None) -> Document:
    """Read a YAML file; raises ContentError when it cannot be read or parsed."""
    path = shown or str(file)
    return parse_yaml(read_text(file, path), path)


def read_text(file: Path, shown: str) -> str:
    """UTF-8 text of a file with line ends as `\\n`; raises ContentError when it cannot be read."""

    def refuse(what: str, next_step: str) -> ContentError:
        return ContentError(f"Cannot read {file.name}", [Problem(shown, 1, "file", what, next_step)])

    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise refuse("is missing", f"write {file.name}, or take it from another folder as a start") from None
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})", "give yourself the right to read it") from None
    if len(raw) > MAX_BYTES:
        raise refuse(f"is {len(raw):,} bytes long", f"keep it under {MAX_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problem = Problem(shown, line, "file", "is not UTF-8 text", "save it as UTF-8")
        raise ContentError(f"Cannot read {file.name}", [problem]) from None


def parse_yaml(text: str, path: str) -> Document:
    """Parse one YAML document; raises ContentError with every problem that can be seen without a schema."""
    try:
        _refuse_depth(text)
        root = yaml.compose(text, Loader=_LOADER)
    except _TooDeep as deep:
        problem = Problem(path, deep.line, "document", "is nested too deeply", f"nest at most {MAX_DEPTH} levels")
        raise ContentError(f"Cannot parse {path}", [problem]) from None
    except yaml.MarkedYAMLError as error:
        raise ContentError(f"Cannot parse {path}", [_syntax_problem(error, path)]) from None
    except (yaml.YAMLError, UnicodeError):
        line = 1 + text[: _first_unprintable(text)].count("\n")
        problem = Problem(path, line, "document", "holds a character that YAML does not allow", "remove it")
        raise ContentError(f"Cannot parse {path}", [problem]) from None
    reader = _Reader(path)
    value = None if root is None else reader.read(root, ())
    if reader.problems:
        raise ContentError(f"Cannot use {path}", reader.problems)
    return Document(path, value, reader.lines, reader.written)


class _TooDeep(Exception):
    """The document nests deeper than MAX_DEPTH at this line."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _refuse_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _TooDeep(event.start_mark.line + 1 if event.start_mark else 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _syntax_problem(error: yaml.MarkedYAMLError, path: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = " ".join(part for part in (error.context, error.problem) if part) or "is not YAML"
    match what:
        case _ if "mapping values are not allowed" in what:
            step = "put text that holds `: ` in quotes, or write it as a block after |"
        case _ if "cannot start any token" in what:
            step = "indent with spaces, and quote text that starts with @, ` or a tab"
        case _ if "expected ',' or" in what:
            step = "text with commas, colons or question marks inside { } or [ ] needs quotes"
        case _ if "undefined alias" in what:
            step = "name an anchor (&name) that stands above, or quote text that starts with *"
        case _:
            step = "look at this line and the one above for indentation, quotes and brackets"
    return Problem(path, mark.line + 1 if mark else 1, "document", what, step)


def _first_unprintable(text: str) -> int:
    for index, character in enumerate(text):
        if character not in "\n\r\t" and (not character.isprintable() and not character.isspace()):
            return index
    return 0


@dataclass(slots=True)
class _Reader:
    """Builds plain Python values from nodes and notes where each came from."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Where, int] = field(default_factory=dict)
    written: dict[Where, str] = field(default_factory=dict)
    _open: list[int] = field(default_factory=list)
    _count: int = 0

    def read(self, node: Node, where: Where) -> object:
        """The value of a node; what cannot be used becomes a problem and None."""
        self.lines.setdefault(where, node.start_mark.line + 1)
        self._count += 1
        if self._count > MAX_VALUES:
            if self._count == MAX_VALUES + 1:
                self._refuse(node, (), "grows too large through its anchors", "repeat less by * and <<")
            return None
        if id(node) in self._open:
            self._refuse(node, where, "contains itself", "remove the alias that points at what it stands in")
            return None
        self._open.append(id(node))
        try:
            match node:
                case MappingNode():
                    return self._mapping(node, where)
                case SequenceNode():
                    return [self.read(item, (*where, index)) for index, item in enumerate(node.value)]
                case ScalarNode():
                    return self._scalar(node, where)
                case _:
                    return None
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, where: Where) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged |= self._merged(value_node, where)
                continue
            key = self._key(key_node, where)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in own:
                first = self.lines[(*where, key)]
                step = f"keep one of lines {first} and {line}"
                self.problems.append(
                    Problem(self.path, line, where_text((*where, key)), f"`{key}` is written twice", step)
                )
                continue
            self.lines[(*where, key)] = line
            own[key] = self.read(value_node, (*where, key))
        return merged | own

    def _merged(self, node: Node, where: Where) -> dict[str, object]:
        parts = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, object] = {}
        for part in reversed(parts):
            value = self.read(part, where)
            if isinstance(value, dict):
                found |= value
            else:
                self._refuse(part, where, "merges with << what is not a mapping", "point << at a mapping")
        return found

    def _key(self, node: Node, where: Where) -> str | None:
        if isinstance(node, ScalarNode) and node.tag == _TAG + "str":
            return str(node.value)
        if not isinstance(node, ScalarNode):
            self._refuse(node, where, "has a list or mapping as a key", "use plain text as a key")
        else:
            read_as = self._scalar(node, where)
            self._refuse(node, where, f"has the key `{node.value}`, which YAML reads as {said(read_as)}", _quote(node))
        return None

    def _scalar(self, node: ScalarNode, where: Where) -> object:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if not node.style and _BASE_SIXTY.fullmatch(text):
            self._refuse(node, where, f"`{text}` is read by YAML in base sixty", f'write 1m30s for a time, or "{text}"')
            return None
        if not node.style and kind == "int" and _LEADING_ZERO.fullmatch(text):
            self._refuse(node, where, f"`{text}` is read by YAML as octal", f'drop the leading zero, or write "{text}"')
            return None
        try:
            value = _VALUES[kind](text)
        except KeyError:
            self._refuse(node, where, f"uses the tag {node.tag}", "write plain values; tags are not used here")
            return None
        except (ValueError, OverflowError):
            self._refuse(node, where, f"`{text}` is not a value that can be used", _quote(node))
            return None
        self.written[where] = text
        return value

    def _refuse(self, node: Node, where: Where, what: str, next_step: str) -> None:
        self.problems.append(Problem(self.path, node.start_mark.line + 1, where_text(where), what, next_step))


def said(value: object) -> str:
    """How YAML would name a value that it read: `false`, `nothing`, `1.1`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _quote(node: ScalarNode) -> str:
    return f'put it in quotes: "{node.value}"'


def _bool(text: str) -> bool:
    return text.lower() in ("y", "yes", "true", "on")


def _int(text: str) -> int:
    return int(text.replace("_", ""), 0)


def _float(text: str) -> float:
    return float(re.sub(r"\.(nan|inf)$", r"\1", text.replace("_", "").lower()))


_VALUES: Mapping[str, Callable[[str], object]] = {
    "null": lambda _: None,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "timestamp": str,
    "value": str,
}
