"""What an on-call person can conclude from which replica serves which model version; no truth is read here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab.keeper.indicators import APPROVED
from lab.keeper.investigate import Finding
from lab.keeper.view import ChangeView
from lab.telemetry.prometheus import Prometheus

SERVING, REGISTRY = "model-server", "registry"
OLD_NEWS_SECONDS = 5.0
"""Replicas ask once a second; news older than this means that they ask no more, or get no answer."""

_CHAMPION = 'max(registry_alias_version{alias="champion"})'
_NEWS = "time() - model_registry_last_success_timestamp_seconds"
_REFUSED = 'sum by (pod) (model_loads_total{outcome!="served"})'


@dataclass(frozen=True, slots=True)
class Replica:
    """What one replica says of itself."""

    pod: str
    release: str
    version: str
    news_seconds: float
    """How old its last word from the registry is; NaN where it does not say."""
    refused: bool
    """Whether it turned down a version that it was to serve."""

    @property
    def deaf(self) -> bool:
        """Whether the registry's word does not reach it."""
        return not self.news_seconds <= OLD_NEWS_SECONDS


@dataclass(frozen=True, slots=True)
class Versions:
    """What is meant, and what each replica serves."""

    champion: str
    """Version that the alias names; empty where the registry does not say."""
    replicas: tuple[Replica, ...]

    @property
    def odd(self) -> tuple[Replica, ...]:
        """Replicas that serve something else."""
        return tuple(one for one in self.replicas if one.version != self.champion)

    @property
    def right(self) -> tuple[Replica, ...]:
        """Replicas that serve what is meant."""
        return tuple(one for one in self.replicas if one.version == self.champion)


def look_at_versions(prometheus: Prometheus) -> Versions:
    """The champion, and each replica's version, release and news, as they are now."""
    champion = prometheus.value(_CHAMPION)
    news = {sample.labels.get("pod", ""): sample.value for sample in prometheus.instant(_NEWS)}
    refused = {sample.labels.get("pod", "") for sample in prometheus.instant(_REFUSED) if sample.value > 0}
    replicas = [
        Replica(
            pod=(pod := sample.labels.get("pod", "")),
            release=sample.labels.get("release", ""),
            version=sample.labels.get("version", ""),
            news_seconds=news.get(pod, math.nan),
            refused=pod in refused,
        )
        for sample in prometheus.instant("model_version_info")
    ]
    return Versions("" if champion is None else f"{champion:.0f}", tuple(sorted(replicas, key=lambda one: one.pod)))


def conclude_versions(seen: Versions, changes: Sequence[ChangeView], alert_at: float) -> Finding:
    """
    The likeliest cause, place and change, when answers come from another version than the champion.

    Place: the model servers, unless none of them hears the registry. Change: the newest one of that component before
    the alert; moves of an alias say what is meant, and so are never why something else is served.
    """
    place = REGISTRY if seen.replicas and all(one.deaf for one in seen.replicas) else SERVING
    at_place = [one for one in changes if one.component == place and one.at <= alert_at and not moves_alias(one)]
    change = max(at_place, key=lambda one: one.at, default=None)
    because = (*_told(seen), *_others(seen, changes, change, alert_at))
    return Finding(_cause(seen), place, change, because, APPROVED)


def moves_alias(change: ChangeView) -> bool:
    """Whether a change pointed an alias of the registry elsewhere."""
    return change.component == REGISTRY and change.what.startswith("alias ")


def _cause(seen: Versions) -> str:
    if not seen.odd:
        return "routing-error"
    if all(one.deaf for one in seen.odd):
        return "stale-model"
    if all(one.refused for one in seen.odd):
        return "artefact-corrupt"
    if seen.right and not {one.release for one in seen.odd} & {one.release for one in seen.right}:
        return "mixed-versions"
    return "wrong-version-served"


def _told(seen: Versions) -> tuple[str, ...]:
    total, odd = len(seen.replicas), seen.odd
    if not odd:
        return (f"each of the {total} replicas serves version {seen.champion}, which is the champion",)
    versions = ", ".join(sorted({one.version for one in odd}))
    serves = (
        f"{len(odd)} of {total} replicas serve version {versions}, and the champion is {seen.champion or 'unknown'}"
    )
    deaf = [one for one in odd if one.deaf]
    if not deaf:
        return (serves, "they heard from the registry within the last seconds")
    ages = [one.news_seconds for one in deaf if not math.isnan(one.news_seconds)]
    oldest = f"{max(ages):.0f} s old" if ages else "not known"
    others = "the others' is fresh" if any(not one.deaf for one in seen.replicas) else "nobody has any"
    return (serves, f"the news of {', '.join(one.pod for one in deaf)} from the registry is {oldest}; {others}")


def _others(
    seen: Versions, changes: Sequence[ChangeView], change: ChangeView | None, alert_at: float
) -> tuple[str, ...]:
    found = []
    for other in changes:
        if (change is not None and other.id == change.id) or other.at > alert_at:
            continue
        if moves_alias(other):
            found.append(f"{other.id} ({other.what}) says what is meant, and not what is served")
        else:
            found.append(f"{other.id} of {other.component} lies near, but {other.component} is not where it begins")
    return tuple(found)
