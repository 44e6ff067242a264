"""The scale of severities, and which of them the record bears out."""

from __future__ import annotations

import re

SCALE: tuple[tuple[str, float], ...] = (("SEV1", 0.50), ("SEV2", 0.10), ("SEV3", 0.01), ("SEV4", 0.0))
"""Severity and the least share of requests that were not good, from onset to mitigation."""
SEVERITIES: tuple[str, ...] = tuple(name for name, _ in SCALE)
BORDER = 0.25
"""Within this share of a border, the severities on both sides of it are right."""

_WRITTEN = re.compile(r"(?:sev(?:erity)?|s|p)?[\s_-]*([1-4])", re.IGNORECASE)


def parse_severity(text: str) -> str | None:
    """`SEV2` from SEV2, sev-2, S2, P2 or 2; None for anything else."""
    match = _WRITTEN.fullmatch(text.strip())
    return f"SEV{match[1]}" if match else None


def right_severities(bad_share: float) -> tuple[str, ...]:
    """The severities that a share of bad requests (0 to 1) bears out: the measured one first, near a border two."""
    low, high = bad_share * (1 - BORDER), bad_share * (1 + BORDER)
    return tuple(dict.fromkeys(severity_of(share) for share in (bad_share, high, low)))


def severity_of(bad_share: float) -> str:
    """The severity of a share of bad requests (0 to 1)."""
    return next(name for name, least in SCALE if bad_share >= least)
