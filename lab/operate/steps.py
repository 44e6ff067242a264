"""Steps of a play as an operator would take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from lab.content.model import Apply, GitRevert, RegistryAlias, RolloutUndo, Scale, SetEnv, SetImage, Step
from lab.errors import RunError
from lab.operate import models, verbs
from lab.operate.lab import Lab


def command_lines(step: Step, commits: Mapping[int, str]) -> tuple[str, ...]:
    """The step as a person would type it; `commits` maps events to the hashes of their commits."""
    match step:
        case RolloutUndo():
            return (f"rollout undo {step.rollout_undo}",)
        case Scale():
            return tuple(f"scale {target} --replicas={count}" for target, count in step.scale.items())
        case SetEnv():
            return tuple(
                f"set env {target} " + " ".join(f"{key}={value}" for key, value in values.items())
                for target, values in step.set_env.items()
            )
        case SetImage():
            return tuple(f"set image {target} {tag}" for target, tag in step.set_image.items())
        case RegistryAlias():
            return tuple(f"registry alias {alias} {version}" for alias, version in step.registry_alias.items())
        case GitRevert():
            return (f"git revert {_commit(step, commits)[:7]}",)
        case Apply():
            return (f"apply {step.apply}",)
        case _:
            assert_never(step)


def take(lab: Lab, step: Step, commits: Mapping[int, str]) -> tuple[verbs.Outcome, ...]:
    """Do the step."""
    match step:
        case RolloutUndo():
            return (verbs.rollout_undo(lab, step.rollout_undo),)
        case Scale():
            return tuple(verbs.scale(lab, target, count) for target, count in step.scale.items())
        case SetEnv():
            return tuple(verbs.set_env(lab, target, values) for target, values in step.set_env.items())
        case SetImage():
            return tuple(verbs.set_image(lab, target, tag) for target, tag in step.set_image.items())
        case RegistryAlias():
            moved = step.registry_alias.items()
            return tuple(models.registry_alias(lab, alias, version) for alias, version in moved)
        case GitRevert():
            return (verbs.git_revert(lab, _commit(step, commits)),)
        case Apply():
            return (verbs.apply_repo(lab, step.apply),)
        case _:
            assert_never(step)


def _commit(step: GitRevert, commits: Mapping[int, str]) -> str:
    sha = commits.get(step.git_revert.event)
    if sha is None:
        raise RunError("Nothing to revert", "that deploy has not happened.", "Wait for it.")
    return sha
