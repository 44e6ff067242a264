"""Lets the tests of keepers use the recorded runs that the tests of incidents are made from."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "incident"))
