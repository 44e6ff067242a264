"""
What a release of a component changes: one YAML mapping per image, read once at start.

The palette of keys is documented in `docs/releases.md`. Every kind of release is a frozen dataclass whose fields are
the keys it accepts; anything else is refused with the file, the key and the nearest key that would have been accepted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from stack.common.errors import StartError, nearest
from stack.common.transforms import Transform

DEVELOPMENT = "dev"
"""The name of what runs when no release is named."""


def _within(low: float, high: float) -> dict[str, tuple[float, float]]:
    return {"within": (low, high)}


@dataclass(frozen=True, slots=True)
class Audit:
    """A share of requests that is examined in full before it is answered."""

    share: float = field(default=0.0, metadata=_within(0, 1))
    """Share of requests, 0 to 1."""
    wait_ms: int = field(default=0, metadata=_within(0, 60_000))
    """How long each of them waits, in milliseconds, without using the processor."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A share of requests that is refused."""

    share: float = field(default=0.0, metadata=_within(0, 1))
    """Share of requests, 0 to 1."""
    status: int = field(default=503, metadata=_within(400, 599))
    """The HTTP status they get."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a release comes up."""

    delay_ms: int = field(default=0, metadata=_within(0, 600_000))
    """How much later than usual it becomes ready, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Log:
    """How much a release writes to its log."""

    every: int = field(default=1000, metadata=_within(1, 1_000_000))
    """One progress line for so many events."""


@dataclass(frozen=True, slots=True)
class Loader:
    """How a model server follows the registry."""

    pick: str = field(default="alias", metadata={"one_of": ("alias", "latest")})
    """What it serves: the version that its alias names, or the one registered last."""
    on_refusal: str = field(default="retry", metadata={"one_of": ("retry", "stop")})
    """What it does when the registry refuses a poll: ask again a second later, or ask no more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the registry lets its clients do."""

    clients: int = field(default=0, metadata=_within(0, 1000))
    """Most clients whose polls are answered within ten seconds; 0 is no limit."""


@dataclass(frozen=True, slots=True)
class Release:
    """What every release has: its tag, which the image carries, and the notes of its author."""

    tag: str = DEVELOPMENT
    notes: str = ""


@dataclass(frozen=True, slots=True)
class ServingRelease(Release):
    """A release of a component that answers scoring requests."""

    audit: Audit = Audit()
    reject: Reject = Reject()
    start: Start = Start()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class ModelServerRelease(ServingRelease):
    """A release of the model server."""

    loader: Loader = Loader()


@dataclass(frozen=True, slots=True)
class BackgroundRelease(Release):
    """A release of a component beside the request path: monitor and discovery."""

    start: Start = Start()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class FeedRelease(BackgroundRelease):
    """A release of the feed."""

    transform: tuple[Transform, ...] = ()
    """What it does to the features of flights, step by step."""


@dataclass(frozen=True, slots=True)
class RegistryRelease(BackgroundRelease):
    """A release of the registry."""

    limits: Limits = Limits()


R = TypeVar("R", bound=Release)


class _UniqueKeys(yaml.SafeLoader):
    """YAML's safe subset in which a repeated key is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if repeated := next((key for key in keys if keys.count(key) > 1), None):
            raise yaml.constructor.ConstructorError(None, None, f"key {repeated} appears twice", node.start_mark)
        return super().construct_mapping(node, deep)


def release_from(environ: Mapping[str, str], kind: type[R]) -> R:
    """
    The release that the environment names: tag in `RELEASE`, file in `RELEASE_FILE`; see `read_release`.

    `environ` is an argument; pass `os.environ` from a component's `__main__`.
    """
    path = environ.get("RELEASE_FILE", "")
    return read_release(Path(path) if path else None, kind, environ.get("RELEASE", ""))


def read_release(path: Path | None, kind: type[R], tag: str = "") -> R:
    """
    Read a release file into `kind`; without a file and a tag, the plain release `dev`.

    Raises:
        StartError: the file of a tagged release is missing, is no YAML mapping, or has a key, type or value that `kind`
            does not accept.
    """
    if path is None or not path.is_file():
        if path is not None and tag:
            raise StartError(f"{path}: release {tag} brings no release file; write one, at least with notes")
        return kind(tag=tag or DEVELOPMENT)
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StartError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    mapping = {} if document is None else document
    release = _build(kind, mapping, str(path), "", reserved=frozenset({"tag"}))
    return dataclasses.replace(release, tag=tag or path.stem)


T = TypeVar("T")


def _build(kind: type[T], value: object, file: str, where: str, reserved: frozenset[str] = frozenset()) -> T:
    if not isinstance(value, dict):
        raise StartError(f"{file}: {where or 'the file'}: expected a mapping, found {type(value).__name__}")
    hints = get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind) if item.name not in reserved}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, item in value.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in fields:
            raise StartError(
                f"{file}: unknown key {path}; the nearest known key is {_beside(path, nearest(str(key), fields))}"
            )
        arguments[key] = _convert(hints[key], item, fields[key].metadata, file, path)
    for name, item in fields.items():
        if item.default is dataclasses.MISSING and name not in arguments:
            raise StartError(f"{file}: {where or 'the file'}: expected a key {name}")
    return kind(**arguments)


def _beside(path: str, key: str) -> str:
    parent = path.rpartition(".")[0]
    return f"{parent}.{key}" if parent else key


def _convert(kind: Any, value: object, metadata: Mapping[str, Any], file: str, where: str) -> object:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _build(kind, value, file, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise StartError(f"{file}: {where}: expected a list, found {type(value).__name__}")
        part = get_args(kind)[0]
        return tuple(_convert(part, item, metadata, file, f"{where}.{place}") for place, item in enumerate(value))
    if isinstance(kind, UnionType):
        kind = get_args(kind)[0]
    accepted: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise StartError(f"{file}: {where}: expected {_NAMES[kind]}, found {value!r}")
    low, high = metadata.get("within", (-math.inf, math.inf))
    if isinstance(value, int | float) and not low <= value <= high:
        raise StartError(f"{file}: {where}: expected {low:g} to {high:g}, found {value!r}")
    choices: tuple[str, ...] = metadata.get("one_of", ())
    if choices and value not in choices:
        raise StartError(f"{file}: {where}: expected {' or '.join(filter(None, choices))}, found {value!r}")
    return kind(value)


_NAMES: dict[type[Any], str] = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}
