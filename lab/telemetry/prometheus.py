"""PromQL over HTTP: instant values, ranges, alerts and rules, by the standard library alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from lab.errors import LabError

_TIMEOUT_SECONDS = 5.0
_NO_PROXY = ProxyHandler({})
_ABOUT_THE_QUERY = (400, 422)
"""What Prometheus answers to an expression that is wrong; other errors come from it, or from a proxy before it."""


class TelemetryError(LabError):
    """Prometheus did not answer, or refused the query."""


class QueryRefused(TelemetryError):
    """The expression is not valid PromQL; the message is Prometheus' own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector."""

    labels: Mapping[str, str]
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Range:
    """One series of a range query: points of (Unix seconds, value)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """One active alert: `pending` or `firing`, since Unix seconds."""

    name: str
    state: str
    since: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Prometheus:
    """A Prometheus server at an address."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def instant(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        """The instant vector of an expression, now or at a Unix time; a scalar comes as one sample without labels."""
        query = {"query": promql} | ({} if at is None else {"time": f"{at:.3f}"})
        data = self._get("query", query)
        match data["resultType"]:
            case "vector":
                return tuple(
                    Sample(item["metric"], item["value"][0], float(item["value"][1])) for item in data["result"]
                )
            case "scalar":
                return (Sample({}, data["result"][0], float(data["result"][1])),)
            case other:
                raise QueryRefused(
                    "Not an instant vector", f"{promql!r} gives a {other}.", "Query a vector or a scalar."
                )

    def value(self, promql: str, at: float | None = None) -> float | None:
        """The one number of an expression; None where it has no data or is not a number."""
        samples = self.instant(promql, at)
        if len(samples) != 1 or math.isnan(samples[0].value):
            return None
        return samples[0].value

    def range(self, promql: str, start: float, end: float, step: float) -> tuple[Range, ...]:
        """The matrix of an expression between two Unix times, `step` seconds apart."""
        query = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        data = self._get("query_range", query)
        return tuple(
            Range(item["metric"], tuple((float(at), float(value)) for at, value in item["values"]))
            for item in data["result"]
        )

    def alerts(self) -> tuple[Alert, ...]:
        """Active alerts, oldest first."""
        found = [
            Alert(
                name=item["labels"].get("alertname", ""),
                state=item["state"],
                since=_unix(item["activeAt"]),
                labels=item["labels"],
                annotations=item["annotations"],
            )
            for item in self._get("alerts", {})["alerts"]
        ]
        return tuple(sorted(found, key=lambda alert: alert.since))

    def rules(self) -> dict[str, str]:
        """Rules by name: an alert's as `expr for SECONDS`, a recording rule's as its expression."""
        rules: dict[str, str] = {}
        for group in self._get("rules", {})["groups"]:
            for rule in group["rules"]:
                hold = f" for {rule['duration']:g}" if rule["type"] == "alerting" else ""
                rules[rule["name"]] = f"{rule['query']}{hold}"
        return rules

    def alert_labels(self) -> dict[str, dict[str, str]]:
        """Alerts of the rules by name, with the labels that their rule gives them, the name included."""
        return {
            rule["name"]: {"alertname": rule["name"], **rule["labels"]}
            for group in self._get("rules", {"type": "alert"})["groups"]
            for rule in group["rules"]
        }

    def metric_names(self) -> tuple[str, ...]:
        """Names of every metric and recording rule that has data."""
        return tuple(self._get("label/__name__/values", {}))

    def version(self) -> str:
        """Version of the server."""
        return str(self._get("status/buildinfo", {})["version"])

    def ready(self) -> bool:
        """Whether the server answers queries."""
        try:
            self._get("query", {"query": "1"})
        except TelemetryError:
            return False
        return True

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        url = f"{self.address}/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            with build_opener(_NO_PROXY).open(Request(url), timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
                return json.load(response)["data"]
        except HTTPError as error:
            if error.code not in _ABOUT_THE_QUERY:
                raise _silent(self.address, _refusal(error)) from error
            raise QueryRefused("Query refused", _refusal(error), "Mend the expression, then run it again.") from error
        except (URLError, OSError, ValueError, KeyError) as error:
            raise _silent(self.address, str(error)) from error


def _silent(address: str, why: str) -> TelemetryError:
    return TelemetryError(
        "Prometheus does not answer", f"{address}: {why}.", "See `lab status`, then `lab ops get pods`."
    )


def _refusal(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, OSError):
        return f"HTTP {error.code}"


def _unix(text: str) -> float:
    from datetime import datetime

    head, _, zone = text.partition(".")
    whole = head if zone == "" else head + "+00:00"
    return datetime.fromisoformat(whole.replace("Z", "+00:00")).timestamp()
