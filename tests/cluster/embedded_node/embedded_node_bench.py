"""What tests of the node share: a clock that they move, Pod manifests, and ways to wait for what becomes of Pods."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.cluster.embedded.kubelet import Kubelet
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store

NAMESPACE = "shop"
PYTHON = "lab/python:1"
PATIENCE_SECONDS = 15.0


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime(2030, 1, 1, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Node:
    """A running kubelet with controllers, and what tests do with it."""

    store: Store
    settings: NodeSettings
    kubelet: Kubelet
    stop: asyncio.Event

    async def until(self, meets: Callable[[], Any], what: str = "") -> Any:
        """The first truthy value of `meets`, looked at after every change."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            version = self.store.version
            found = meets()
            if found:
                return found
            if loop.time() > deadline:
                pytest.fail(f"not within {PATIENCE_SECONDS:g} s: {what or meets}\n{self.store.list('pods')}")
            await self.store.wait_change(version, 0.1)

    def add_pod(self, name: str, container: Obj, **spec: Any) -> Obj:
        """Create a Pod of one container named `main`."""
        return self.store.create("pods", pod_manifest(name, container, **spec))

    def pod(self, name: str) -> Obj | None:
        return self.store.get("pods", NAMESPACE, name)

    def container(self, name: str) -> Obj:
        """The status of a Pod's container, empty before there is one."""
        found = self.pod(name)
        statuses = (found or {}).get("status", {}).get("containerStatuses") or [{}]
        first: Obj = statuses[0]
        return first

    def waiting(self, name: str) -> str:
        return str(self.container(name).get("state", {}).get("waiting", {}).get("reason", ""))

    def terminated(self, name: str) -> Obj:
        found: Obj = self.container(name).get("state", {}).get("terminated", {})
        return found

    def is_ready(self, name: str) -> bool:
        return bool(self.container(name).get("ready"))

    def log(self, name: str, restart: int = 0) -> str:
        found = self.pod(name)
        assert found is not None
        path = self.settings.state_dir / "pods" / found["metadata"]["uid"] / "main" / f"{restart}.log"
        return path.read_text() if path.exists() else ""

    def reasons(self, name: str) -> set[str]:
        """The reasons of the events about an object."""
        return {e["reason"] for e in self.store.list("events") if e["involvedObject"]["name"] == name}


def pod_manifest(name: str, container: Obj, **spec: Any) -> Obj:
    main = {"name": "main", "image": PYTHON, **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {"containers": [main], "terminationGracePeriodSeconds": 2, **spec},
    }


def script(text: str) -> Obj:
    """A container that runs a Python script."""
    return {"command": [sys.executable, "-u", "-c", text]}


def new_store(**options: Any) -> Store:
    store = Store(**options)
    store.create("namespaces", {"metadata": {"name": NAMESPACE}})
    return store
