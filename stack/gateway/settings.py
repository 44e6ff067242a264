"""What the environment of the manifest sets for the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stack.common.errors import StartError, nearest
from stack.gateway.quality import Mode
from stack.wire.component import number_from

RETRIABLE = ("unreachable", "broken", "500", "502", "503", "504")
"""What `RETRY_ON` may list: no answer, half an answer, or that status."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How requests are bounded, tried again and kept from replicas that fail."""

    deadline_seconds: float = 3.0
    """Longest that a request may take (`DEADLINE_MS`); callers may ask for less."""
    most_in_flight: int = 512
    """Requests that are worked on at once (`MAX_IN_FLIGHT`); the next one is shed."""
    retry_ratio: float = 0.1
    """Retries per request (`RETRY_RATIO`), beyond the reserve; 0 and no reserve turns them off."""
    retry_reserve: float = 1.0
    """Retries a second that are always there (`RETRY_RESERVE`), for times of few requests."""
    retry_on: frozenset[str] = frozenset({"unreachable"})
    """Outcomes of an attempt after which another replica is asked (`RETRY_ON`)."""
    eject_after: int = 5
    """Failures of a replica in a row that take it out of the turn (`EJECT_AFTER`); 0 never does."""
    eject_seconds: float = 5.0
    """How long the first time (`EJECT_MS`); each further time in a row one more of the same."""
    quality_mode: Mode = Mode.FLAG
    """What becomes of requests that break the contract about features (`QUALITY_MODE`)."""


def settings_from(environ: Mapping[str, str]) -> GatewaySettings:
    """
    The settings in the environment, each at its default where it is not set.

    Raises:
        StartError: a value is no number, or out of its range, or no outcome to retry on.
    """
    return GatewaySettings(
        deadline_seconds=number_from(environ, "DEADLINE_MS", 3000, low=1, high=600_000) / 1000,
        most_in_flight=int(number_from(environ, "MAX_IN_FLIGHT", 512, low=1, high=100_000)),
        retry_ratio=number_from(environ, "RETRY_RATIO", 0.1, low=0, high=1),
        retry_reserve=number_from(environ, "RETRY_RESERVE", 1, low=0, high=1000),
        retry_on=_retry_on(environ.get("RETRY_ON", "unreachable")),
        eject_after=int(number_from(environ, "EJECT_AFTER", 5, low=0, high=1000)),
        eject_seconds=number_from(environ, "EJECT_MS", 5000, low=100, high=600_000) / 1000,
        quality_mode=_quality_mode(environ.get("QUALITY_MODE", "") or Mode.FLAG),
    )


def _quality_mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError as error:
        known = [mode.value for mode in Mode]
        raise StartError(
            f"QUALITY_MODE: expected {', '.join(known)}, found {text!r}; the nearest is {nearest(text, known)}"
        ) from error


def _retry_on(text: str) -> frozenset[str]:
    found = frozenset(word.strip() for word in text.split(",") if word.strip())
    if unknown := sorted(found - set(RETRIABLE)):
        raise StartError(f"RETRY_ON: {', '.join(unknown)} is none of {', '.join(RETRIABLE)}")
    return found
