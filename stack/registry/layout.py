"""Where the registry's database and the files of its versions lie."""

from __future__ import annotations

from pathlib import Path

STORE = Path(__file__).with_name("store")
"""What a registry starts from, made by `python -m stack.trainer`."""

DATABASE = "registry.db"


def file_name(model: str, version: str) -> str:
    """Name of a version's ONNX file in the folder of its database."""
    return f"{model}-{version}.onnx"
