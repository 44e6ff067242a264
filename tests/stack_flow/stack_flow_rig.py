"""The stack as processes on this machine, without Kubernetes' own machinery: what the flow tests run against."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families
from stack_flow_kubernetes import FakeKubernetes, pod_document

ROOT = Path(__file__).resolve().parents[2]
_OPENER = build_opener(ProxyHandler({}))
_PAUSE = threading.Event()


def until(what: str, condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first true value of `condition`; fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        _PAUSE.wait(0.05)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Component:
    """One process of the stack, with the address it serves."""

    def __init__(self, name: str, arguments: tuple[str, ...], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"stack.{name.replace('-', '_')}", f"--port={self.port}", *arguments],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error", **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET; status 0 where nobody answers."""
        try:
            with _OPENER.open(f"http://{self.address}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except URLError as error:
            return getattr(error, "code", 0), b""
        except OSError:
            return 0, b""

    def json(self, path: str) -> Any:
        """The JSON document at `path`."""
        return json.loads(self.get(path)[1])

    def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """The metrics: (name, sorted labels) to value."""
        text = self.get("/metrics")[1].decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name which have these labels."""
        wanted = set(labels.items())
        return sum(value for (own, has), value in self.samples().items() if own == name and wanted <= set(has))

    def await_ready(self, path: str = "/healthz") -> None:
        """Wait until it says that it is ready."""

        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.log.read_text()}")
            return self.get(path)[0] == 200

        until(f"{self.name} is ready", ready)

    def stop(self) -> int:
        """Ask it to end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Rig:
    """Registry, two model servers, gateway, feed and monitor around a real discovery and a small Kubernetes API."""

    def __init__(self, folder: Path, kubernetes: FakeKubernetes, requests_per_second: int = 100) -> None:
        self._folder = folder
        self.kubernetes = kubernetes
        self._count = 0
        self.components: dict[str, Component] = {}
        """By pod name."""
        environ = kubernetes.account.environ
        self.discovery = self.start("discovery", environ=environ)
        at = f"--discovery=http://{self.discovery.address}"
        self.registry = self.start("registry", environ={"DATA_DIR": str(folder / "registry")})
        named = f"--registry=http://{self.registry.address}"
        self.models = [self.start("model-server", named), self.start("model-server", named)]
        self.gateway = self.start("gateway", at)
        self.monitor = self.start("monitor", at)
        rate = {"RATE_RPS": str(requests_per_second), "SLO_MS": "1000"}
        self.feed = self.start("feed", f"--gateway=http://{self.gateway.address}", environ=rate)

    def start(self, name: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Component:
        """Start a component as a pod that Kubernetes knows but does not call ready yet."""
        self._count += 1
        pod = f"{name}-{self._count}"
        component = Component(name, arguments, environ or {}, self._folder / f"{pod}.log")
        self.components[pod] = component
        return component

    def await_ready(self) -> None:
        """Let every pod become ready as soon as it says so, the model servers first."""
        self.discovery.await_ready("/livez")
        for component in (self.registry, *self.models, self.gateway, self.monitor, self.feed, self.discovery):
            if component.name == "gateway":
                component.await_ready("/livez")
            else:
                component.await_ready("/v2/health/ready" if component.name == "model-server" else "/healthz")
            self.publish(component)

    def pod(self, component: Component) -> str:
        """Name of a component's pod."""
        return next(name for name, own in self.components.items() if own is component)

    def publish(self, component: Component, **changes: Any) -> None:
        """Tell Kubernetes about the pod of a component."""
        self.kubernetes.put(pod_document(self.pod(component), component.name, component.address, **changes))

    def close(self) -> None:
        """Stop what still runs."""
        for component in reversed(self.components.values()):
            component.stop()
