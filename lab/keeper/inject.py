"""What a teammate does as it reaches the stack: a commit to the platform repo, then applied, or an alias moved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from threading import Event
from typing import assert_never

from lab.cluster.apply import apply
from lab.cluster.provision import ImageSpec
from lab.content.loader import LoadedScenario
from lab.content.model import AliasMove, Deploy, DeployEvent, RegistryEvent, Scenario
from lab.incident.events import ChangeApplied, ChangeIntended, RunEvent
from lab.keeper.objects import ALIAS
from lab.keeper.plan import PlannedDeploy
from lab.operate.baseline import await_ready
from lab.operate.lab import READY_SECONDS, Lab
from lab.operate.verbs import deployment_name

Record = Callable[[RunEvent], None]


def load_releases(lab: Lab, loaded: LoadedScenario) -> None:
    """Make the scenario's images known to the cluster."""
    lab.provisioner.load(
        [ImageSpec(component, tag, path) for (component, tag), path in sorted(loaded.releases.items())]
    )


def set_up(lab: Lab, scenario: Scenario, stop: Event) -> None:
    """
    Bring a fresh baseline to what the scenario starts from, and wait until it is ready.

    Replicas are written into the newest commit of the platform repo, as if it had always said so: applying the repo
    later changes nothing, and no commit tells that this run is special.
    """
    if scenario.setup is None:
        return
    replicas = {deployment_name(target): count for target, count in scenario.setup.scale.items()}
    lab.repo.amend_replicas(replicas)
    for item in lab.repo.objects():
        if item["kind"] == "Deployment" and item["metadata"]["name"] in replicas:
            apply(lab.cluster, item)
    await_ready(lab.cluster, READY_SECONDS, lambda _: None, stop)


def deploy(lab: Lab, planned: PlannedDeploy, record: Record, now: Callable[[], float]) -> None:
    """Let a teammate do what the script has due; journals the intent before and the result after."""
    match planned.event:
        case DeployEvent():
            roll_out(lab, planned, planned.event.deploy, record, now)
        case RegistryEvent():
            move_alias(lab, planned, planned.event.registry, record, now)
        case _:
            assert_never(planned.event)


def written_by(event: DeployEvent | RegistryEvent) -> str:
    """`KIND/NAME` of the one thing that an event writes, as the keeper knows it."""
    match event:
        case DeployEvent():
            return f"Deployment/{event.component}"
        case RegistryEvent():
            return f"{ALIAS}/{event.registry.move}"
        case _:
            assert_never(event)


def move_alias(lab: Lab, planned: PlannedDeploy, move: AliasMove, record: Record, now: Callable[[], float]) -> None:
    """
    Point an alias of the model registry at another version.

    A repeat after a crash finds its own move in the audit trail and does not repeat it.
    """
    record(ChangeIntended(at=now(), event=planned.index, component="registry", content_hash=f"{move.move}={move.to}"))
    wanted = (move.move, move.to, move.by, move.message)
    state = lab.registry.state()
    if not any((one.alias, one.after, one.who, one.message) == wanted for one in state.moves):
        lab.registry.move_alias(move.move, move.to, move.by, move.message)
        state = lab.registry.state()
    done = next((one for one in reversed(state.moves) if (one.alias, one.after, one.who, one.message) == wanted), None)
    before = "none" if done is None or done.before is None else done.before
    record(
        ChangeApplied(
            at=now(),
            event=planned.index,
            component="registry",
            by=move.by,
            tag=move.to,
            previous_tag=before,
            message=move.message,
            commit=f"move-{0 if done is None else done.seq}",
            resource_version="",
            what=f"alias {move.move} {before} -> {move.to}",
        )
    )


def roll_out(lab: Lab, planned: PlannedDeploy, wanted: Deploy, record: Record, now: Callable[[], float]) -> None:
    """
    Commit and apply one release, journaling the intent before and the result after.

    A repeat after a crash finds its own commit by the message and only applies it.
    """
    earlier = next((commit for commit in lab.repo.log(limit=50) if commit.subject == wanted.message), None)
    if earlier is None:
        previous = lab.repo.set_tag(wanted.component, planned.tag)
    else:
        previous = lab.repo.tag_before(wanted.component, earlier.sha)
    target = next(
        item
        for item in lab.repo.objects()
        if item["kind"] == "Deployment" and item["metadata"]["name"] == wanted.component
    )
    digest = hashlib.sha256(repr(target["spec"]).encode()).hexdigest()
    record(ChangeIntended(at=now(), event=planned.index, component=wanted.component, content_hash=digest))
    if earlier is None:
        sha = lab.repo.commit(wanted.message, by=wanted.by, only=lab.repo.manifest_of(wanted.component))
    else:
        sha = earlier.sha
    live, _ = apply(lab.cluster, target)
    record(
        ChangeApplied(
            at=now(),
            event=planned.index,
            component=wanted.component,
            by=wanted.by,
            tag=planned.tag,
            previous_tag=previous,
            message=wanted.message,
            commit=sha,
            resource_version=str(live["metadata"]["resourceVersion"]),
        )
    )
