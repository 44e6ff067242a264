"""Alertmanager over HTTP: alerts as it holds them, their groups, and silences, by the standard library alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from lab.telemetry.prometheus import TelemetryError

_TIMEOUT_SECONDS = 2.0
_NO_PROXY = ProxyHandler({})
_ABOUT_THE_REQUEST = (400, 404, 422)
"""What Alertmanager answers to a request that is wrong; other errors come from it, or from a proxy before it."""
_MATCHER = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


class SilenceRefused(TelemetryError):
    """Alertmanager took the request for a silence to be wrong; the message is its own."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label, as in `severity=~"page|ticket"`; a label that is not there reads as empty."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Read `name=value`, `!=`, `=~` or `!~`, the value bare or in double quotes; raises ValueError otherwise."""
        found = _MATCHER.fullmatch(text)
        if found is None:
            raise ValueError(f'{text!r} is not a matcher; write it like alertname=NAME or severity=~"page|ticket"')
        name, operator, value = found.groups()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        return cls(name, value, is_regex="~" in operator, is_equal=not operator.startswith("!"))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds for these labels; an expression that Python cannot read is taken to hold."""
        found = labels.get(self.name, "")
        if not self.is_regex:
            return (found == self.value) == self.is_equal
        try:
            return (re.fullmatch(self.value, found) is not None) == self.is_equal
        except re.error:
            return True

    def __str__(self) -> str:
        operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
        return f'{self.name}{operator[self.is_equal, self.is_regex]}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence; times are Unix seconds."""

    id: str
    state: str
    """`active`, `pending` or `expired`."""
    matchers: tuple[Matcher, ...]
    starts: float
    ends: float
    created_by: str
    comment: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it would keep an alert with these labels quiet while it is active."""
        return all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """One alert as Alertmanager holds it."""

    name: str
    state: str
    """`active`, `suppressed` or `unprocessed`."""
    since: float
    """Unix seconds."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    silenced_by: tuple[str, ...]
    """Ids of silences."""


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that go out together."""

    labels: Mapping[str, str]
    receiver: str
    alerts: tuple[HeldAlert, ...]


class Alertmanager:
    """An Alertmanager at an address."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def alerts(self) -> tuple[HeldAlert, ...]:
        """Alerts that it holds, silenced ones included, oldest first."""
        return _held(self._call("GET", "alerts"))

    def groups(self) -> tuple[AlertGroup, ...]:
        """Groups of alerts by receiver."""
        return tuple(
            AlertGroup(item["labels"], str(item["receiver"]["name"]), _held(item["alerts"]))
            for item in self._call("GET", "alerts/groups")
        )

    def silences(self, *, expired: bool = False) -> tuple[Silence, ...]:
        """Silences in force or to come, and with `expired` those that are over, in order of their end."""
        found = [_silence(item) for item in self._call("GET", "silences")]
        kept = [one for one in found if expired or one.state != "expired"]
        return tuple(sorted(kept, key=lambda one: (one.ends, one.id)))

    def silence(
        self, matchers: Sequence[Matcher], starts: float, seconds: float, *, created_by: str, comment: str
    ) -> str:
        """
        Silence what all matchers match, for so many seconds from a Unix time on, and return the silence's id.

        Raises:
            SilenceRefused: matchers that match everything, a bad expression, an end before its start.
        """
        body = {
            "matchers": [
                {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
                for one in matchers
            ],
            "startsAt": _text(starts),
            "endsAt": _text(starts + seconds),
            "createdBy": created_by,
            "comment": comment,
        }
        return str(self._call("POST", "silences", body)["silenceID"])

    def expire(self, silence_id: str) -> None:
        """
        End a silence now.

        Raises:
            SilenceRefused: there is no such silence, or it is over.
        """
        self._call("DELETE", f"silence/{quote(silence_id, safe='')}")

    def routing(self) -> str:
        """The configuration in force, as text."""
        return str(self._call("GET", "status")["config"]["original"])

    def version(self) -> str:
        """Version of the program."""
        return str(self._call("GET", "status")["versionInfo"]["version"])

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}/api/v2/{path}", data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
        try:
            with build_opener(_NO_PROXY).open(request, timeout=_TIMEOUT_SECONDS) as response:
                text = response.read()
                return json.loads(text) if text.strip() else None
        except HTTPError as error:
            with error:
                why = _refusal(error)
            if error.code not in _ABOUT_THE_REQUEST:
                raise _silent(self.address, f"HTTP {error.code}") from error
            step = "See what is silenced now: lab ops silences."
            raise SilenceRefused("Alertmanager refused", why, step) from error
        except (URLError, OSError, ValueError) as error:
            raise _silent(self.address, str(error)) from error


def _held(items: Sequence[Any]) -> tuple[HeldAlert, ...]:
    found = [
        HeldAlert(
            name=item["labels"].get("alertname", ""),
            state=item["status"]["state"],
            since=_unix(item["startsAt"]),
            labels=item["labels"],
            annotations=item.get("annotations", {}),
            silenced_by=tuple(item["status"]["silencedBy"]),
        )
        for item in items
    ]
    return tuple(sorted(found, key=lambda alert: alert.since))


def _silence(item: Any) -> Silence:
    return Silence(
        id=item["id"],
        state=item["status"]["state"],
        matchers=tuple(
            Matcher(one["name"], one["value"], one["isRegex"], one.get("isEqual", True)) for one in item["matchers"]
        ),
        starts=_unix(item["startsAt"]),
        ends=_unix(item["endsAt"]),
        created_by=item.get("createdBy", ""),
        comment=item.get("comment", ""),
    )


def _silent(address: str, why: str) -> TelemetryError:
    return TelemetryError(
        "Alertmanager does not answer", f"{address}: {why}.", "See `lab status`, then `lab ops get pods`."
    )


def _refusal(error: HTTPError) -> str:
    """Its own words: a JSON string, a JSON object with a message, or nothing for an id that it does not know."""
    try:
        found = json.load(error)
    except (ValueError, OSError):
        return "there is no such silence." if error.code == 404 else f"HTTP {error.code}."
    return str(found.get("message", found)) if isinstance(found, dict) else str(found)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
