"""A program in front ends with its own code, and its words are kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab.cli.foreground import run_until_interrupted


def test_its_code_and_its_words_are_kept(tmp_path: Path) -> None:
    program = "import sys; print('cannot start'); sys.exit(7)"
    assert run_until_interrupted([sys.executable, "-c", program], os.environ, tmp_path / "log") == 7
    assert (tmp_path / "log").read_text().strip() == "cannot start"
