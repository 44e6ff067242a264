"""The metric names that a PromQL expression reads, without a Prometheus: enough for checks of content and of notes."""

from __future__ import annotations

import re

_NOISE = re.compile(
    r"""
      "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*`     # strings
    | \#[^\n]*                                            # comments
    | \[[^\]]*\]                                          # ranges
    | \b(?:by|without|on|ignoring|group_left|group_right)\b\s*\([^)]*\)   # lists of labels
    | \boffset\s+-?[0-9a-z]+ | @\s*(?:start\(\)|end\(\)|[0-9.]+)
    """,
    re.VERBOSE,
)
_NAMED = re.compile(r"""__name__\s*=\s*["']([a-zA-Z_:][a-zA-Z0-9_:]*)["']""")
_BRACES = re.compile(r"\{[^}]*\}")
_NUMBER = re.compile(r"(?<![\w:])(?:0x[0-9a-fA-F]+|\d[\w.]*|\.\d+|[iI]nf|[nN]a[nN])(?![\w:])")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_KEYWORDS = frozenset({"and", "or", "unless", "bool", "atan2", "by", "without", "on", "ignoring", "group_left",
                       "group_right", "offset", "start", "end"})  # fmt: skip
_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def metric_names(promql: str) -> tuple[str, ...]:
    """Names of the series that the expression selects, each once, in order; other text gives what looks like names."""
    named = _NAMED.findall(promql)
    text = _NOISE.sub(" ", promql)
    text = _BRACES.sub(" ", text)
    text = _NUMBER.sub(" ", text)
    found = [
        match.group()
        for match in _WORD.finditer(text)
        if match.group() not in _KEYWORDS and not text[match.end() :].lstrip().startswith("(")
    ]
    return tuple(dict.fromkeys([*found, *named]))


def metric_family(name: str) -> str:
    """The name under which a series is declared: `x_seconds_bucket` -> `x_seconds`."""
    return _HISTOGRAM.sub("", name)
