"""
The user's settings: a few typed keys in `config.toml`, all of them optional.

    on = "embedded"                            # where labs run: embedded, kind, or context:NAME of your kubeconfig
    namespace = "team-blue"                    # on a context: a namespace that is there, instead of one per lab
    images = "registry.example/team"           # on a context: where the cluster pulls the lab's images from
    prometheus = "/opt/prometheus/prometheus"  # the program to use instead of looking for one
    alertmanager = "/opt/alertmanager/alertmanager"  # likewise
    editor = "nano"                            # what opens the incident note
"""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import SettingsError

ENGINES = ("embedded", "kind", "context:NAME")
"""What `on` may name; NAME is a context of the user's kubeconfig."""

CONTEXT_PREFIX = "context:"
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGES = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force; the defaults are what a missing file means."""

    on: str = "embedded"
    prometheus: Path | None = None
    """The Prometheus program to use; None looks for one."""
    alertmanager: Path | None = None
    """The Alertmanager program to use; None looks for one."""
    editor: tuple[str, ...] | None = None
    """Command line of the editor, the file to open not included; None leaves it to VISUAL and EDITOR."""
    namespace: str | None = None
    """On a context: a namespace that exists and stays; None means one of the lab's own."""
    images: str | None = None
    """On a context: registry and path before `mlops-lab/COMPONENT:TAG`; None means that the nodes hold the images."""


KEYS = ("alertmanager", "editor", "images", "namespace", "on", "prometheus")


def is_engine(on: str) -> bool:
    """Whether `on` has the form of an engine; whether a context is there is another question."""
    return on in ("embedded", "kind") or (on.startswith(CONTEXT_PREFIX) and len(on) > len(CONTEXT_PREFIX))


def read_settings(file: Path, home: Path) -> Settings:
    """
    The settings in a file; a file that is not there means all defaults. A leading `~/` stands for `home`.

    Raises:
        SettingsError: unreadable, not TOML, or with unknown keys or values that cannot be used; all are named.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "Settings cannot be read", f"{file}: {error}", "Make the file readable, or delete it."
        ) from error
    try:
        table: Mapping[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            "Settings are not TOML", f"{file}: {error}", 'Write lines such as: on = "embedded"'
        ) from error
    problems = [problem for key, value in table.items() if (problem := _problem(key, value))]
    if problems:
        raise SettingsError(
            "Settings that cannot be used",
            "\n".join(f"{file}: {problem}" for problem in problems),
            f"Mend or remove the line. Known keys: {', '.join(KEYS)}.",
        )
    return _settings(table, home)


def _problem(key: str, value: object) -> str | None:
    """What is wrong with one line of the file, or None."""
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if not isinstance(value, str) or not value.strip():
        return f"{key}: must be text in quotes, and is {value!r}"
    match key:
        case "on" if not is_engine(value):
            return f"on: {value!r} is not one of {', '.join(ENGINES)}"
        case "namespace" if not _NAMESPACE.fullmatch(value):
            return f"namespace: {value!r} is not a name of a namespace"
        case "images" if not _IMAGES.fullmatch(value):
            return f"images: {value!r} is not a registry with a path, such as registry.example/team"
        case "prometheus" | "alertmanager" if not (Path(value).is_absolute() or value.startswith("~/")):
            return f"{key}: {value!r} must start with / or ~/"
        case "editor":
            try:
                shlex.split(value)
            except ValueError as error:
                return f"editor: {value!r} is not a command line: {error}"
    return None


def _settings(table: Mapping[str, object], home: Path) -> Settings:
    """Settings from a table in which every value is known to be usable text."""
    text = {key: str(value) for key, value in table.items()}
    editor = text.get("editor")
    return Settings(
        on=text.get("on", "embedded"),
        prometheus=_program(text.get("prometheus"), home),
        alertmanager=_program(text.get("alertmanager"), home),
        editor=tuple(shlex.split(editor)) if editor else None,
        namespace=text.get("namespace"),
        images=text.get("images"),
    )


def _program(text: str | None, home: Path) -> Path | None:
    if text is None:
        return None
    return home / text[2:] if text.startswith("~/") else Path(text)
