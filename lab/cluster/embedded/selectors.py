"""Label and field selectors as list and watch requests carry them, and as workloads hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lab.cluster.embedded.status import bad_request

Operator = Literal["=", "!=", "in", "notin", "exists", "absent"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a label or a field."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def accepts(self, found: str | None) -> bool:
        """Whether a value, None for an absent one, meets the condition; an absent one is unequal to everything."""
        match self.operator:
            case "=" | "in":
                return found in self.values
            case "!=" | "notin":
                return found not in self.values
            case "exists":
                return found is not None
            case "absent":
                return found is None


@dataclass(frozen=True, slots=True)
class Selection:
    """The label and field conditions of one request."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def accepts(self, obj: Mapping[str, Any]) -> bool:
        """Whether the object meets all conditions."""
        labels = obj["metadata"].get("labels") or {}
        return all(r.accepts(labels.get(r.key)) for r in self.labels) and all(
            r.accepts(_field(obj, r.key)) for r in self.fields
        )


_WORD = r"[-A-Za-z0-9_./]"
_SET = re.compile(rf"^\s*({_WORD}+)\s+(in|notin)\s*\(([^()]*)\)\s*$")
_EQUAL = re.compile(rf"^\s*({_WORD}+)\s*(==|=|!=)\s*({_WORD}*)\s*$")
_KEY = re.compile(rf"^\s*(!?)\s*({_WORD}+)\s*$")
_PARTS = re.compile(r",(?![^()]*\))")
_FIELD_PART = re.compile(r"^\s*([^=!\s]+)\s*(==|=|!=)(.*)$")


def label_requirements(text: str) -> tuple[Requirement, ...]:
    """The conditions of a `labelSelector` parameter: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`.

    Raises:
        StatusError: 400, it cannot be read.
    """
    found: list[Requirement] = []
    for part in _PARTS.split(text) if text.strip() else ():
        if match := _SET.match(part):
            values = frozenset(value.strip() for value in match[3].split(","))
            found.append(Requirement(match[1], "in" if match[2] == "in" else "notin", values))
        elif match := _EQUAL.match(part):
            found.append(Requirement(match[1], "!=" if match[2] == "!=" else "=", frozenset({match[3]})))
        elif match := _KEY.match(part):
            found.append(Requirement(match[2], "absent" if match[1] else "exists"))
        else:
            raise bad_request(f'unable to parse requirement: found "{part.strip()}", expected: a selector such as a=b')
    return tuple(found)


def field_requirements(text: str) -> tuple[Requirement, ...]:
    """The conditions of a `fieldSelector` parameter: `path=value`, `path!=value`.

    Raises:
        StatusError: 400, it cannot be read.
    """
    found: list[Requirement] = []
    for part in text.split(",") if text.strip() else ():
        match = _FIELD_PART.match(part)
        if match is None:
            raise bad_request(f'invalid selector: "{part}"; can\'t understand "{part}"')
        found.append(Requirement(match[1], "!=" if match[2] == "!=" else "=", frozenset({match[3].strip()})))
    return tuple(found)


def selector_accepts(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether the `selector` of a workload (matchLabels, matchExpressions) takes these labels."""
    operators: dict[str, Operator] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        values = frozenset(expression.get("values") or ())
        requirement = Requirement(expression["key"], operators[expression["operator"]], values)
        if not requirement.accepts(labels.get(expression["key"])):
            return False
    return True


def selector_text(selector: Mapping[str, Any]) -> str:
    """A workload's selector in the form of a `labelSelector` parameter."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        match expression["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)


def _field(obj: Mapping[str, Any], path: str) -> str:
    found: Any = obj
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)
