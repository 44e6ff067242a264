"""
The kubelet: runs every Pod of the store as processes of this machine.

    kubelet = Kubelet(store, settings)
    await kubelet.run(stop)             until `stop` is set; then all processes are ended
    kubelet.exec_context(uid, name)     to run a command inside a container
    kubelet.usage(uid, name)            CPU and memory of a container, as last sampled
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import datetime

from lab.cluster.embedded import journal
from lab.cluster.embedded.controllers.common import is_finished, is_leaving, next_change
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.kubelet.addresses import Addresses
from lab.cluster.embedded.kubelet.container import ContainerRunner, NodeParts
from lab.cluster.embedded.kubelet.pod import ExecContext, PodRunner, run_inside
from lab.cluster.embedded.kubelet.process import Lifeline
from lab.cluster.embedded.kubelet.registration import offer_extended, register_node
from lab.cluster.embedded.kubelet.sampling import TreeSampler, UsageMeter
from lab.cluster.embedded.kubelet.scheduling import Scheduler
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store, utc_now
from lab.cluster.embedded.usage import ContainerUsage

__all__ = ["ExecContext", "Kubelet", "run_inside"]

SAMPLE_SECONDS = 1.0
"""Between two looks at what containers hold and use; a burst that comes and goes in between is not seen."""
IDLE_SECONDS = 5.0
"""Between two looks at the store when nothing is written."""
HALT_GRACE_SECONDS = 1.5
"""What processes get to end in when the whole node goes down."""


class Kubelet:
    """The node agent. Runs in the loop that owns the store."""

    def __init__(
        self,
        store: Store,
        settings: NodeSettings,
        *,
        clock: Callable[[], datetime] = utc_now,
        environ: Mapping[str, str] | None = None,
        lifeline: Lifeline | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._environ = environ
        self._lifeline = lifeline or Lifeline()
        self._addresses = Addresses(store, settings)
        self._recorder = Recorder(store, "kubelet", host=settings.node_name, clock=clock)
        scheduling = Recorder(store, "default-scheduler", clock=clock)
        self._scheduler = Scheduler(store, settings.node_name, scheduling, clock)
        self._pods: dict[str, PodRunner] = {}
        self._meter = UsageMeter()

    async def run(self, stop: asyncio.Event) -> None:
        """Reap what a crash left, register the node, and run Pods until `stop` is set; then end every process."""
        journal.reap(self._settings.state_dir)
        register_node(self._store, self._settings, self._clock())
        path = (os.environ if self._environ is None else self._environ).get("PATH", "")
        node = NodeParts(self._settings, self._lifeline, self._clock, path)
        sampling = asyncio.create_task(self._sample())
        try:
            version = 0
            while not stop.is_set():
                version = self._store.version
                self._sync(node)
                await next_change(self._store, version, IDLE_SECONDS, stop)
        finally:
            sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampling
            await asyncio.gather(*(runner.halt(HALT_GRACE_SECONDS) for runner in self._pods.values()))
            self._lifeline.close()

    def exec_context(self, pod_uid: str, container: str) -> ExecContext | None:
        """How to run a command in a running container; None if it does not run."""
        runner = self._pods.get(pod_uid)
        return runner.exec_context(container) if runner is not None else None

    def usage(self, pod_uid: str, container: str) -> ContainerUsage | None:
        """CPU cores and bytes of a running container; None before its first sample."""
        runner = self._pods.get(pod_uid)
        for part in runner.runners if runner is not None else ():
            if part.state.name == container and part.process is not None:
                return self._meter.of(part.process.pid)
        return None

    def _sync(self, node: NodeParts) -> None:
        """Start what is new, stop what is leaving or gone, and tell the rest that something changed."""
        offer_extended(self._store, self._settings)
        self._scheduler.schedule()
        present: dict[str, Obj] = {}
        for pod in self._store.list("pods"):
            if pod["spec"].get("nodeName") == self._settings.node_name:
                present[pod["metadata"]["uid"]] = pod
        for uid, runner in list(self._pods.items()):
            if runner.ended:
                del self._pods[uid]
            elif uid not in present:
                runner.begin_end(0)
            elif is_leaving(present[uid]):
                runner.begin_end(present[uid]["metadata"].get("deletionGracePeriodSeconds", 30))
            else:
                runner.poke()
        for uid, pod in present.items():
            if uid not in self._pods and is_leaving(pod):
                self._store.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
            elif uid not in self._pods and not is_finished(pod):
                runner = self._pods[uid] = PodRunner(self._store, pod, node, self._addresses, self._recorder)
                runner.start()

    async def _sample(self) -> None:
        sampler, loop = TreeSampler(), asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            running: dict[int, ContainerRunner] = {
                part.process.pid: part
                for runner in self._pods.values()
                for part in runner.runners
                if part.process is not None
            }
            found = sampler.sample(running) if running else {}
            self._meter.take(found, loop.time())
            for pid, usage in found.items():
                running[pid].enforce_memory(usage)
