"""
The user's settings: a few typed keys in `config.toml`, all of them optional.

    on = "embedded"                            # where labs run
    prometheus = "/opt/prometheus/prometheus"  # the program to use instead of looking for one
    editor = "nano"                            # what opens the incident note
"""

from __future__ import annotations

import difflib
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import SettingsError

ENGINES = ("embedded",)
"""What `on` may name."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force; the defaults are what a missing file means."""

    on: str = "embedded"
    prometheus: Path | None = None
    """The Prometheus program to use; None looks for one."""
    editor: tuple[str, ...] | None = None
    """Command line of the editor, the file to open not included; None leaves it to VISUAL and EDITOR."""


KEYS = ("editor", "on", "prometheus")


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
        case "on" if value not in ENGINES:
            return f"on: {value!r} is not one of {', '.join(ENGINES)}"
        case "prometheus" if not (Path(value).is_absolute() or value.startswith("~/")):
            return f"prometheus: {value!r} must start with / or ~/"
        case "editor":
            try:
                shlex.split(value)
            except ValueError as error:
                return f"editor: {value!r} is not a command line: {error}"
    return None


def _settings(table: Mapping[str, object], home: Path) -> Settings:
    """Settings from a table in which every value is known to be usable text."""
    text = {key: str(value) for key, value in table.items()}
    program = text.get("prometheus")
    editor = text.get("editor")
    return Settings(
        on=text.get("on", "embedded"),
        prometheus=(home / program[2:] if program.startswith("~/") else Path(program)) if program else None,
        editor=tuple(shlex.split(editor)) if editor else None,
    )
