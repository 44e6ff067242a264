"""Completion for the console: verbs, kinds, deployments, pods, commits, metrics, alerts, silences, model versions."""

from __future__ import annotations

from lab.cluster.client import RESOURCES
from lab.errors import LabError
from lab.operate.console import VERBS, find_verb
from lab.operate.lab import Lab


def completions(lab: Lab, line: str) -> tuple[str, ...]:
    """Words that could stand in place of the last word of the line; after a blank, that could follow."""
    words = line.split()
    last = "" if not line or line.endswith(" ") else words.pop()
    return tuple(sorted(word for word in _candidates(lab, words) if word.startswith(last) and word != last))


def _candidates(lab: Lab, before: list[str]) -> set[str]:
    verb = find_verb(before)
    if verb is None:
        depth = len(before)
        return {one.words[depth] for one in VERBS if len(one.words) > depth and list(one.words[:depth]) == before}
    try:
        return _arguments(lab, verb.words, before[len(verb.words) :])
    except LabError:
        return set()


def _arguments(lab: Lab, verb: tuple[str, ...], given: list[str]) -> set[str]:
    deployments = {f"deployment/{item['metadata']['name']}" for item in lab.cluster.list("Deployment")}
    match verb:
        case ("get",):
            return {resource.plural for resource in RESOURCES.values()} if not given else set()
        case ("logs",):
            return deployments | {str(pod["metadata"]["name"]) for pod in lab.cluster.list("Pod")}
        case ("delete",):
            return {str(pod["metadata"]["name"]) for pod in lab.cluster.list("Pod")} if given else {"pod"}
        case ("rollout", _) | ("set", _):
            return deployments if not given else set()
        case ("scale",):
            return {"--replicas="} if given else deployments
        case ("canary", "start"):
            return {"--tag=", "--alias=", "--weight=", "--auto-rollback"} - set(given)
        case ("git", "show") | ("git", "revert"):
            return {commit.short for commit in lab.repo.log(limit=20)}
        case ("silence",):
            return {f"alertname={name}" for name in lab.prometheus.alert_labels()}
        case ("unsilence",):
            return {one.id[:8] for one in lab.alertmanager.silences()}
        case ("registry", "show" | "compare"):
            state = lab.registry.state()
            return {*state.versions, *state.aliases}
        case ("registry", "alias"):
            state = lab.registry.state()
            return set(state.versions) if given else set(state.aliases)
        case ("query",):
            return set(lab.prometheus.metric_names())
        case _:
            return set()
