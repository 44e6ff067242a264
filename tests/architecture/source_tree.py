"""The repository as the architecture tests see it: its files, and what a module does when it is imported."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("lab", "stack")


def tracked_files() -> list[Path]:
    """Every file that git keeps or would keep, and that is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in sorted(filter(None, listed.split("\0"))) if (ROOT / name).is_file()]


def product_modules() -> list[Path]:
    """Every Python file of the product."""
    return sorted(path for package in PRODUCT for path in (ROOT / package).rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def full_names(tree: ast.Module) -> dict[str, str]:
    """What imported names stand for: `from datetime import datetime as d` makes d datetime.datetime."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The full name that an expression such as `os.environ` refers to; empty where it is no such name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value, names)):
        return f"{owner}.{node.attr}"
    return ""


def run_at_import(tree: ast.Module) -> Iterator[ast.expr]:
    """Every expression evaluated at import: neither function bodies nor annotations nor a main block."""
    pending: list[ast.AST] = [node for node in tree.body if not _is_main_block(node)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending.extend([*node.decorator_list, *_defaults(node.args)])
        elif isinstance(node, ast.Lambda):
            pending.extend(_defaults(node.args))
        elif isinstance(node, ast.AnnAssign):
            pending.extend([node.value] if node.value else [])
        else:
            if isinstance(node, ast.expr):
                yield node
            pending.extend(ast.iter_child_nodes(node))


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default)]


def _is_main_block(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
