"""Steps of a play as an operator would take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from lab.content.model import (
    Apply,
    DeletePods,
    GitRevert,
    NothingWrong,
    RegistryAlias,
    Restart,
    RolloutUndo,
    Scale,
    SetEnv,
    SetImage,
    SilenceAlert,
    Step,
)
from lab.content.values import format_duration
from lab.errors import RunError
from lab.operate import models, silencing, verbs
from lab.operate.lab import Lab

_SILENCE_SECONDS = 3600.0


def command_lines(step: Step, commits: Mapping[int, str]) -> tuple[str, ...]:
    """The step as a person would type it; `commits` maps events to the hashes of their commits."""
    match step:
        case RolloutUndo():
            return (f"rollout undo {step.rollout_undo}",)
        case Restart():
            return (f"rollout restart {step.restart}",)
        case Scale():
            return tuple(f"scale {target} --replicas={count}" for target, count in step.scale.items())
        case SetEnv():
            return tuple(
                f"set env {target} " + " ".join(f"{key}={value}" for key, value in values.items())
                for target, values in step.set_env.items()
            )
        case SetImage():
            return tuple(f"set image {target} {tag}" for target, tag in step.set_image.items())
        case DeletePods():
            return (f"delete pod, each that this names: {' '.join(step.delete_pods.split())}",)
        case NothingWrong():
            reason = f' --reason "{step.nothing_wrong.reason}"' if step.nothing_wrong.reason else ""
            return (f"incident resolve --nothing-wrong{reason}",)
        case RegistryAlias():
            return tuple(f"registry alias {alias} {version}" for alias, version in step.registry_alias.items())
        case GitRevert():
            return (f"git revert {_commit(step, commits)[:7]}",)
        case Apply():
            return (f"apply {step.apply}",)
        case SilenceAlert():
            return (f"silence {step.silence} --for={format_duration(_SILENCE_SECONDS)}",)
        case _:
            assert_never(step)


def take(lab: Lab, step: Step, commits: Mapping[int, str]) -> tuple[verbs.Outcome, ...]:
    """Do the step; a claim that nothing is wrong does nothing here, since it is made to the run and not the stack."""
    match step:
        case RolloutUndo():
            return (verbs.rollout_undo(lab, step.rollout_undo),)
        case Restart():
            return (verbs.rollout_restart(lab, step.restart),)
        case Scale():
            return tuple(verbs.scale(lab, target, count) for target, count in step.scale.items())
        case SetEnv():
            return tuple(verbs.set_env(lab, target, values) for target, values in step.set_env.items())
        case SetImage():
            return tuple(verbs.set_image(lab, target, tag) for target, tag in step.set_image.items())
        case DeletePods():
            return tuple(verbs.delete_pod(lab, name) for name in _pods_named(lab, step.delete_pods))
        case NothingWrong():
            return ()
        case RegistryAlias():
            moved = step.registry_alias.items()
            return tuple(models.registry_alias(lab, alias, version) for alias, version in moved)
        case GitRevert():
            return (verbs.git_revert(lab, _commit(step, commits)),)
        case Apply():
            return (verbs.apply_repo(lab, step.apply),)
        case SilenceAlert():
            return (silencing.silence(lab, [step.silence], _SILENCE_SECONDS),)
        case _:
            assert_never(step)


def _pods_named(lab: Lab, promql: str) -> tuple[str, ...]:
    """The values of the label `pod` in the answer to a query; raises RunError when there are none."""
    names = {sample.labels.get("pod", "") for sample in lab.prometheus.instant(promql)} - {""}
    if not names:
        raise RunError("No such pods", f"`{promql}` names no pod now.", "Try it with `lab ops query`.")
    return tuple(sorted(names))


def _commit(step: GitRevert, commits: Mapping[int, str]) -> str:
    sha = commits.get(step.git_revert.event)
    if sha is None:
        raise RunError("Nothing to revert", "that deploy has not happened.", "Wait for it.")
    return sha
