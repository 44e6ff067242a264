"""What the stack needs at run time, derived from what its code imports and what the project declares."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DISTRIBUTION = "mlops-lab"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the components are made of."""

    packages: tuple[str, ...]
    """Folders of the `stack` package that components import, themselves included, in order of name."""
    names: frozenset[str]
    """Top-level names that they import, and text that names a plug-in in a keyword argument."""


def footprint(stack_root: Path) -> Footprint:
    """Everything reachable from the components: the packages that bring releases."""
    pending = sorted(path.parent.name for path in stack_root.glob("*/releases"))
    packages: dict[str, None] = {}
    names: set[str] = set()
    while pending:
        package = pending.pop()
        if package in packages:
            continue
        packages[package] = None
        for path in sorted((stack_root / package).rglob("*.py")):
            for name in _names(ast.parse(path.read_text(encoding="utf-8"), str(path))):
                own, _, inside = name.partition("stack.")
                if own == "" and inside and (stack_root / inside.split(".")[0]).is_dir():
                    pending.append(inside.split(".")[0])
                else:
                    names.add(name.split(".")[0])
    return Footprint(tuple(sorted(packages)), frozenset(names))


def declared_requirements(stack_root: Path) -> tuple[str, ...]:
    """The project's run-time requirements: from `pyproject.toml` in a checkout, else from the installed product."""
    project = stack_root.parent / "pyproject.toml"
    if project.is_file():
        table = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if table.get("name") == DISTRIBUTION:
            return tuple(table["dependencies"])
    return tuple(line for line in importlib.metadata.requires(DISTRIBUTION) or () if "extra ==" not in line)


def stack_requirements(
    names: Iterable[str], declared: Sequence[str], providers: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """
    Those of the declared requirements that provide one of the imported names, in order of name.

    `providers` maps import names to distributions, by default those installed here; a name that no declared
    requirement provides is part of Python or comes with another requirement.
    """
    known = importlib.metadata.packages_distributions() if providers is None else providers
    used = {_canonical(distribution) for name in names for distribution in known.get(name, ())}
    chosen = {_canonical(line): line for line in declared if _canonical(line) in used}
    return tuple(line for _, line in sorted(chosen.items()))


def _names(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
                if module == "stack":
                    yield from (f"stack.{alias.name}" for alias in node.names)
            case ast.keyword(value=ast.Constant(value=str(text))) if text.isidentifier():
                yield text


def _canonical(requirement: str) -> str:
    """The normalized name at the start of a requirement, as package indexes compare them."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""
