"""House rules that a machine can check: length, docstrings, printing, what imports and constructors do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from source_tree import ROOT, dotted, full_names, parsed, product_modules, relative, run_at_import, tracked_files

LONGEST = 400
MAY_BE_LONGER = {"LICENSE", "CHANGELOG.md"}
DATA = {".json", ".csv", ".svg", ".lock", ".txt"}

ASKING = re.compile(
    r"^os\.(getenv|getcwd)$|^os\.environ\b|pathlib\.Path\.(home|cwd)|time\.(time|time_ns|monotonic|monotonic_ns|perf_counter)$"
    r"|datetime\.(datetime|date)\.(now|utcnow|today)|random\.(random|seed|randint|choice)$|numpy\.random\."
    r"|secrets\.token|uuid\.uuid|socket\.(gethostname|socket)$|subprocess\.(run|Popen|check_output)|tempfile\."
)
"""Calls that ask the environment, the clock, chance or the machine."""

INPUT_OUTPUT = re.compile(
    r"^open$|\.(read_text|read_bytes|write_text|write_bytes|mkdir|unlink|urlopen)$|^subprocess\.|^socket\.(socket|create_connection)$"
)
"""Calls that a constructor must not make."""


def test_no_text_file_is_longer_than_400_lines() -> None:
    long = {}
    for path in tracked_files():
        content = path.read_bytes()
        if path.name in MAY_BE_LONGER or path.suffix in DATA or b"\0" in content:
            continue
        lines = content.count(b"\n")
        if lines > LONGEST:
            long[relative(path)] = lines
    assert not long


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        relative(path)
        for path in product_modules()
        if path.name == "__init__.py" and not ast.get_docstring(parsed(path))
    ]
    assert not silent


def test_only_commands_print() -> None:
    allowed = {ROOT / "lab" / "cli"}
    printing = [
        f"{relative(path)}:{node.lineno}"
        for path in product_modules()
        if not allowed & set(path.parents) and not (path.name == "__main__.py" and path.is_relative_to(ROOT / "stack"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing


def asked_at_import(path: Path) -> list[str]:
    tree = parsed(path)
    names = full_names(tree)
    found = []
    for node in run_at_import(tree):
        called = dotted(node.func, names) if isinstance(node, ast.Call) else ""
        read = dotted(node, names)
        if ASKING.search(called) or read in ("os.environ", "os.environb"):
            found.append(f"{path.name}:{node.lineno}: {called or read}")
    return found


def test_nothing_is_asked_of_the_machine_at_import() -> None:
    asked = {relative(path): found for path in product_modules() if (found := asked_at_import(path))}
    assert not asked


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        ("import os\nHOME = os.environ['HOME']", True),
        ("from os import environ as e\nHOME = e.get('HOME')", True),
        ("from datetime import datetime\nSTART = datetime.now()", True),
        ("import time\ndef f(now=time.time()): ...", True),
        ("from pathlib import Path\nclass A:\n    home = Path.home()", True),
        ("import time\ndef f(clock=time.time): ...", False),
        ("import os\ndef f():\n    return os.environ", False),
        ("from pathlib import Path\nHERE = Path(__file__).parent", False),
        ("import os\nif __name__ == '__main__':\n    print(os.environ)", False),
        ("import time\nclass A:\n    clock: time.time", False),
    ],
)
def test_asking_at_import_is_noticed(tmp_path: Path, text: str, noticed: bool) -> None:
    module = tmp_path / "module.py"
    module.write_text(text, encoding="utf-8")
    assert bool(asked_at_import(module)) is noticed


def test_constructors_do_no_input_or_output() -> None:
    busy = []
    for path in product_modules():
        tree = parsed(path)
        names = full_names(tree)
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name in ("__init__", "__post_init__"):
                busy += [
                    f"{relative(path)}:{call.lineno}: {name}"
                    for call in ast.walk(function)
                    if isinstance(call, ast.Call) and (name := dotted(call.func, names)) and INPUT_OUTPUT.search(name)
                ]
    assert not busy
