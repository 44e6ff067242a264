"""A lab's place on a cluster of somebody else: a namespace of its own, or one that was there and stays."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Literal

from lab.cluster.client import Cluster, Object
from lab.cluster.furniture import LAB_LABEL, lab_namespace
from lab.cluster.pods import remove_ended
from lab.cluster.provision import Finding
from lab.errors import ClusterError, ClusterTimeout, MissingError, NotFound

OURS = "app.kubernetes.io/part-of=flight-risk"
"""Selects every object of the stack."""
OWNER = "mlops-lab/owner"
"""Annotation that tells one lab from another."""
_MARKER = "mlops-lab"
_EMPTIED = ("Deployment", "Service", "ConfigMap", "Secret")
_LEAVE_SECONDS = 180.0
_POLL_SECONDS = 0.2

State = Literal["absent", "ours", "free", "taken", "ending"]


@dataclass(frozen=True, slots=True)
class Lodging:
    """One namespace and one lab that wants it; `mark` tells the lab from every other one."""

    cluster: Cluster
    mark: str
    own: bool
    """Whether the lab makes the namespace and deletes it."""
    roles: Sequence[Object]
    """What was granted in a namespace that stays, and is taken back."""

    def finding(self) -> Finding:
        """One line on whether the lab can go in."""
        name, state = self.cluster.namespace, self._state()
        match state:
            case "absent" if self.own:
                return Finding("namespace", True, "one of its own, which `lab up` makes", "")
            case "absent":
                return Finding("namespace", False, f"there is no namespace {name}", f"kubectl create namespace {name}")
            case "ours" | "free":
                return Finding("namespace", True, name, "")
            case "taken":
                return Finding(
                    "namespace",
                    False,
                    f"{name} holds another lab",
                    'Name another one in config.toml: namespace = "NAME".',
                )
            case "ending":
                return Finding("namespace", False, f"{name} is being deleted", "Run `lab up` again when it is gone.")

    def enter(self) -> None:
        """Make the namespace, or mark the one that is there; entering twice is fine.

        Raises:
            MissingError: it is not there, or in use.
        """
        finding = self.finding()
        if not finding.ok:
            raise MissingError("No namespace", finding.found, finding.next_step)
        if self._state() == "ours":
            return
        if self.own:
            body = lab_namespace(self.cluster.namespace)
            body["metadata"]["annotations"] = {OWNER: self.mark}
            self.cluster.create("Namespace", body)
        else:
            self.cluster.create("ServiceAccount", self._marker())

    def leave(self) -> None:
        """Take the lab away, and return when nothing of it runs; leaving twice is fine.

        Raises:
            ClusterTimeout: something is still there.
        """
        match self._state():
            case "ours" if self.own:
                self.cluster.delete("Namespace", self.cluster.namespace)
                self._await(lambda: self._state() == "absent", "the namespace")
            case "ending":
                self._await(lambda: self._state() == "absent", "the namespace")
            case "ours":
                self._empty()
            case "absent" | "free" | "taken":
                return

    def _empty(self) -> None:
        for kind in _EMPTIED:
            for item in self.cluster.list(kind, OURS):
                self.cluster.delete(kind, str(item["metadata"]["name"]))
        for item in self.roles:
            self.cluster.delete(str(item["kind"]), str(item["metadata"]["name"]))
        for kind in ("ReplicaSet", "Pod"):
            self._await(lambda kind=kind: not self.cluster.list(kind, OURS), f"{kind}s")  # type: ignore[misc]
        for account in ("discovery", _MARKER):
            self.cluster.delete("ServiceAccount", account)

    def _await(self, holds: Callable[[], bool], what: str) -> None:
        end, pause = time.monotonic() + _LEAVE_SECONDS, Event()
        while not holds():
            with contextlib.suppress(ClusterError):  # the right to look goes with the namespace
                remove_ended(self.cluster, "" if self.own else OURS)
            if time.monotonic() > end:
                raise ClusterTimeout(
                    "Not yet gone",
                    f"{what} of {self.cluster.namespace} did not go within {_LEAVE_SECONDS:.0f} s.",
                    "Run `lab down` again.",
                )
            pause.wait(_POLL_SECONDS)

    def _state(self) -> State:
        if self.own:
            found = self.cluster.find("Namespace", self.cluster.namespace)
            return "absent" if found is None else self._state_of(found)
        if not self._exists():
            return "absent"
        marker = self.cluster.find("ServiceAccount", _MARKER)
        if marker is None:
            return "taken" if self.cluster.list("Deployment", OURS) else "free"
        return self._state_of(marker)

    def _state_of(self, marked: Object) -> State:
        if (marked["metadata"].get("annotations") or {}).get(OWNER) != self.mark:
            return "taken"
        return "ending" if marked["metadata"].get("deletionTimestamp") else "ours"

    def _exists(self) -> bool:
        """Whether the namespace is there; taken for granted where the account may not read namespaces."""
        try:
            self.cluster.get("Namespace", self.cluster.namespace)
        except NotFound:
            return False
        except ClusterError:
            return True
        return True

    def _marker(self) -> Object:
        meta = {
            "name": _MARKER,
            "labels": {"app.kubernetes.io/part-of": "flight-risk", LAB_LABEL: self.cluster.namespace},
            "annotations": {OWNER: self.mark},
        }
        return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, "automountServiceAccountToken": False}


def own(cluster: Cluster, mark: str) -> Lodging:
    """A namespace that the lab makes and deletes."""
    return Lodging(cluster, mark, True, ())


def guest(cluster: Cluster, mark: str, roles: Sequence[Object]) -> Lodging:
    """A namespace that was there before and stays; only objects of ours are put in and taken out."""
    return Lodging(cluster, mark, False, roles)
