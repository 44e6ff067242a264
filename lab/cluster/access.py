"""The user's own kubeconfig: which contexts it has, and one of them on its own; never written to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab.cluster.client import Object
from lab.errors import MissingError

_FILE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
}
"""Fields that name a file relative to the kubeconfig they stand in."""


def kubeconfig_paths(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files that kubectl would read: those of KUBECONFIG, else `~/.kube/config`; they need not exist."""
    named = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(named) or (home / ".kube" / "config",)


def context_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Every context that the files have, in their order; a file that cannot be read has none."""
    names: list[str] = []
    for path in paths:
        try:
            names += [str(item.get("name")) for item in _entries(_read(path), "contexts")]
        except MissingError:
            continue
    return tuple(dict.fromkeys(names))


def single_context(paths: Sequence[Path], name: str) -> Object:
    """
    A kubeconfig with that one context, its cluster and its user, and with absolute paths of files.

    Of several files the first that has an entry decides, as with kubectl; an exec plugin stays as it is.

    Raises:
        MissingError: a file cannot be used, or there is no such context, or what it names is missing.
    """
    context = _entry(paths, "contexts", name)
    inner = context.get("context") or {}
    cluster = _entry(paths, "clusters", str(inner.get("cluster", "")))
    user = _entry(paths, "users", str(inner.get("user", "")))
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [context],
        "clusters": [cluster],
        "users": [user],
    }


def _entry(paths: Sequence[Path], section: str, name: str) -> Object:
    for path in paths:
        for item in _entries(_read(path), section):
            if item.get("name") == name:
                return _with_absolute_files(item, section, path.parent)
    known = ", ".join(context_names(paths)) or "none"
    raise MissingError(
        "No such context",
        f"{section[:-1]} {name!r} is not in {', '.join(str(path) for path in paths)}.",
        f"Contexts there: {known}. Set KUBECONFIG to the file that has it.",
    )


def _with_absolute_files(item: Object, section: str, folder: Path) -> Object:
    inner_name = section[:-1]
    inner = dict(item.get(inner_name) or {})
    for field in _FILE_FIELDS.get(section, ()):
        if inner.get(field):
            inner[field] = str((folder / str(inner[field])).absolute())
    command = str((inner.get("exec") or {}).get("command", ""))
    if os.sep in command and not Path(command).is_absolute():
        inner["exec"] = {**inner["exec"], "command": str((folder / command).absolute())}
    return {**item, inner_name: inner}


def _entries(config: Object, section: str) -> list[Object]:
    return [item for item in config.get(section) or [] if isinstance(item, dict)]


def _read(path: Path) -> Object:
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MissingError(
            "Kubeconfig cannot be read", f"{path}: {error}", "Mend the file, or set KUBECONFIG to another one."
        ) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise MissingError("Not a kubeconfig", f"{path} holds no mapping.", "Set KUBECONFIG to another file.")
    return found
