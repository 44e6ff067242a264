"""The model registry as the keeper watches it: aliases and files beside the objects of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.errors import LabError
from lab.keeper.objects import ALIAS, VERSION, snapshot
from lab.operate.lab import Lab


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the stack: `KIND/NAME` to a canonical text, and whether the registry's part of it is fresh."""

    objects: dict[str, str]
    registry_answered: bool


def look(lab: Lab, known: Mapping[str, str]) -> Seen:
    """The cluster's objects and the registry's contents; while the registry is silent, what was known of it."""
    objects = snapshot(lab.cluster)
    try:
        state = lab.registry.state()
    except LabError:
        kept = {key: text for key, text in known.items() if key.startswith((f"{ALIAS}/", f"{VERSION}/"))}
        return Seen(objects | kept, False)
    aliases = {f"{ALIAS}/{alias}": version for alias, version in state.aliases.items()}
    versions = {f"{VERSION}/{number}": sha256 for number, sha256 in state.versions.items()}
    return Seen(objects | aliases | versions, True)


def versions_intact(objects: Mapping[str, str], registered: Mapping[str, str]) -> bool:
    """Whether every registered version, by `NAME/VERSION`, has its file with the same hash still."""
    return all(
        objects.get(f"{VERSION}/{key.rpartition('/')[2]}") == sha256 for key, sha256 in registered.items() if sha256
    )
