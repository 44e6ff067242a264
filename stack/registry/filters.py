"""The part of MLflow's search language that the registry answers: comparisons joined by AND, and orders."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from stack.registry.refusals import invalid

Fields = Mapping[str, str | float | None]
"""What can be compared: `name`, `params.seed`, `metrics.auc` and the like."""

_KEY = (
    r"(?:(?P<space>params?|metrics?|tags?|attributes?)\.)?"
    r"(?:`(?P<back>[^`]+)`|\"(?P<quoted>[^\"]+)\"|(?P<bare>[\w./-]+))"
)
_VALUE = r"(?:'(?P<text>[^']*)'|\"(?P<text2>[^\"]*)\"|(?P<number>-?[\d.eE+-]+))"
_COMPARISON = re.compile(rf"{_KEY}\s*(?P<operator>!=|>=|<=|=|>|<|I?LIKE\b)\s*{_VALUE}", re.IGNORECASE)
_ORDER = re.compile(_KEY + r"(?:\s+(?P<direction>ASC|DESC))?", re.IGNORECASE)
_SPACES = {"param": "params", "metric": "metrics", "tag": "tags", "attribute": "", "attributes": ""}

T = TypeVar("T")


def select(text: str, items: Sequence[T], fields: Callable[[T], Fields]) -> list[T]:
    """
    The items that a filter lets through; an empty one lets all through.

    Raises:
        Refusal: it is not comparisons joined by AND.
    """
    tests = [_comparison(part) for part in re.split(r"\s+AND\s+", text.strip(), flags=re.IGNORECASE) if part]
    return [item for item in items if all(test(fields(item)) for test in tests)]


def ordered(clauses: Sequence[str], items: list[T], fields: Callable[[T], Fields]) -> list[T]:
    """
    The items by the given clauses, such as `metrics.auc DESC`; what lacks the field comes last.

    Raises:
        Refusal: a clause is not a field with a direction.
    """
    for clause in reversed(clauses):
        match = _ORDER.fullmatch(clause.strip())
        if match is None:
            raise invalid(f"order_by: {clause!r} is not a field with ASC or DESC")
        key, down = _key(match), (match["direction"] or "ASC").upper() == "DESC"
        there = [item for item in items if fields(item).get(key) is not None]
        absent = [item for item in items if fields(item).get(key) is None]
        there.sort(key=lambda item: _sortable(fields(item)[key]), reverse=down)
        items = there + absent
    return items


def _sortable(value: str | float | None) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))


def _key(match: re.Match[str]) -> str:
    name = match["back"] or match["quoted"] or match["bare"]
    space = (match["space"] or "").lower()
    prefix = _SPACES.get(space, space)
    return f"{prefix}.{name}" if prefix else str(name)


def _comparison(text: str) -> Callable[[Fields], bool]:
    match = _COMPARISON.fullmatch(text.strip().strip("()"))
    if match is None:
        raise invalid(f"filter: {text!r} is not a comparison like name = 'flight-risk' or metrics.auc > 0.9")
    key, operator = _key(match), match["operator"].upper()
    wanted: str | float
    if match["number"] is not None:
        try:
            wanted = float(match["number"])
        except ValueError as error:
            raise invalid(f"filter: {match['number']!r} is not a number") from error
    else:
        wanted = match["text"] if match["text"] is not None else match["text2"]
    return lambda fields: _holds(fields.get(key), operator, wanted)


def _holds(found: str | float | None, operator: str, wanted: str | float) -> bool:
    if found is None:
        return operator == "!="
    if operator in {"LIKE", "ILIKE"}:
        pattern = ".*".join(re.escape(part) for part in str(wanted).split("%"))
        flags = re.IGNORECASE if operator == "ILIKE" else 0
        return re.fullmatch(pattern, str(found), flags) is not None
    left, right = (found, wanted) if isinstance(found, type(wanted)) else (str(found), str(wanted))
    match operator:
        case "=":
            return left == right
        case "!=":
            return left != right
        case ">":
            return left > right  # type: ignore[operator]
        case ">=":
            return left >= right  # type: ignore[operator]
        case "<":
            return left < right  # type: ignore[operator]
        case _:
            return left <= right  # type: ignore[operator]
