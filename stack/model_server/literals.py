"""Finds NaN and Infinity in what would else be JSON: many encoders write them, and a refusal should name the place."""

from __future__ import annotations

import json


class _Literal:
    """A number that JSON does not have."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def nonfinite_literal(body: bytes) -> tuple[str, int] | None:
    """
    The first such literal in the data of the first input tensor, and its index there, rows counted flat.

    None when there is none, or when the body is not JSON for another reason.
    """
    if b"NaN" not in body and b"Infinity" not in body:
        return None
    try:
        document = json.loads(body, parse_constant=_Literal)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
        return None
    tensor = next(iter(document["inputs"]), None)
    data = tensor.get("data") if isinstance(tensor, dict) else None
    if not isinstance(data, list):
        return None
    flat = [value for item in data for value in (item if isinstance(item, list) else [item])]
    return next(((value.name, index) for index, value in enumerate(flat) if isinstance(value, _Literal)), None)
