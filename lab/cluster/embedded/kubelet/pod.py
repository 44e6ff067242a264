"""One Pod on the node: its address, folder and containers, its status in the store, and its graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from lab.cluster.embedded import ports
from lab.cluster.embedded.controllers.events import Recorder
from lab.cluster.embedded.images import LocalImage
from lab.cluster.embedded.kubelet.addresses import Addresses
from lab.cluster.embedded.kubelet.container import ContainerRunner, NodeParts
from lab.cluster.embedded.kubelet.environment import ContainerCommand, PodFacts, container_command
from lab.cluster.embedded.kubelet.mounts import PodVolumes
from lab.cluster.embedded.kubelet.probes import Target
from lab.cluster.embedded.kubelet.status import ContainerState, pod_status
from lab.cluster.embedded.kubelet.volumes import MountMap, remove_folder
from lab.cluster.embedded.store import Obj, Store, stamp

LEAVE_SECONDS = 1.0
"""The longest that a Pod waits for its address to leave the EndpointSlices before it is told to stop."""
SETTLE_SECONDS = 0.05
"""What proxies get to take up changed EndpointSlices."""


@dataclass(frozen=True, slots=True)
class ExecContext:
    """What a command needs to run inside a container: environment, folder, and how its words name mounted files."""

    env: dict[str, str]
    folder: Path
    mounts: MountMap


class PodRunner:
    """Runs the containers of one Pod and tells the store what becomes of them."""

    def __init__(self, store: Store, pod: Obj, node: NodeParts, addresses: Addresses, recorder: Recorder) -> None:
        self.uid: str = pod["metadata"]["uid"]
        self.namespace: str = pod["metadata"]["namespace"]
        self.name: str = pod["metadata"]["name"]
        self._store = store
        self._pod = pod
        self._node = node
        self._addresses = addresses
        self._recorder = recorder
        self._volumes = PodVolumes(store, node.settings)
        self._mounts: dict[str, MountMap] = {}
        self._versions: tuple[tuple[str, str, str], ...] = ()
        self._address = ""
        self._replaced: dict[int, int] = {}
        self._folder = node.settings.state_dir / "pods" / self.uid / "_root"
        self._states = _states_before(pod, stamp(node.clock()))
        self.runners = [
            ContainerRunner(pod, container, state, self, node)
            for container, state in zip(pod["spec"]["containers"], self._states, strict=True)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Give the Pod its address and folder and start its containers."""
        self._address = self._addresses.pod_address(self.uid)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self.publish()
        self._tasks = [asyncio.create_task(runner.run()) for runner in self.runners]

    def begin_end(self, grace_seconds: float) -> None:
        """Begin to stop the Pod, once; a later call with a grace of 0 kills what still runs."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_seconds))
        elif grace_seconds <= 0:
            for runner in self.runners:
                if runner.process is not None:
                    runner.process.signal(signal.SIGKILL)

    @property
    def ended(self) -> bool:
        """Whether everything of the Pod is stopped and removed."""
        return self._ending is not None and self._ending.done()

    async def wait_end(self) -> None:
        """Wait until a stop that was begun is over."""
        if self._ending is not None:
            await self._ending

    async def halt(self, grace_seconds: float) -> None:
        """Stop the processes but keep the Pod in the store, because the node itself goes down."""
        if self._ending is None:
            await asyncio.gather(*(runner.stop(grace_seconds) for runner in self.runners))
            await asyncio.gather(*self._tasks)
        else:
            self.begin_end(0)
            await self._ending

    def poke(self) -> None:
        """The cluster changed: files of ConfigMaps and Secrets follow, and what was missing is looked for again."""
        versions = self._volumes.versions(self._pod)
        changed, self._versions = versions != self._versions, versions
        for runner in self.runners:
            runner.poke()
            mounts = self._mounts.get(runner.state.name)
            if changed and mounts is not None:
                self._volumes.refresh(self._facts(), runner.container, mounts)

    def exec_context(self, container: str) -> ExecContext | None:
        """How to run a command in a running container, or None."""
        for runner in self.runners:
            if runner.state.name == container and runner.process is not None and runner.command is not None:
                return ExecContext(runner.command.env, self._folder, self._mounts[container])
        return None

    def configure(self, container: Obj, image: LocalImage) -> ContainerCommand:
        """Choose ports, write volumes, work out the command; ConfigError or MountError where something lacks."""
        self._replaced = self._addresses.pod_ports(self._pod, self._address)
        self._publish_ports()
        facts = self._facts()
        mounts = self._volumes.prepare(facts, container)
        self._mounts[container["name"]] = mounts
        return container_command(
            facts, container, image, mounts, self._store, self._node.settings, host_path=self._node.host_path
        )

    def target(self, container: Obj) -> Target:
        """Where the probes of a container go."""
        named = {port["name"]: port["containerPort"] for port in container.get("ports") or () if port.get("name")}

        def real_port(port: str | int) -> int:
            number = named.get(port) if isinstance(port, str) else port
            if number is None:
                raise ValueError(f"couldn't find port: {port}")
            return self._replaced.get(number, number)

        async def run(words: list[str]) -> tuple[int, str]:
            context = self.exec_context(container["name"])
            return (1, "container is not running") if context is None else await run_inside(context, words)

        return Target(self._address, real_port, run)

    def publish(self) -> None:
        """Write the Pod's status, if the Pod is still the one in the store."""
        stored = self._stored()
        if stored is not None:
            status = pod_status(stored, self._states, self._address, self._node.clock())
            if stored.get("status") != status:
                self._store.update("pods", {**stored, "status": status}, subresource="status")

    def say(self, container: Obj, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an event about a container of the Pod."""
        field = f"spec.containers{{{container['name']}}}"
        self._recorder.say(self._pod, reason, message, kind="Warning" if warning else "Normal", field=field)

    def _facts(self) -> PodFacts:
        return PodFacts(self._stored() or self._pod, self._address, self._replaced, self._folder)

    def _stored(self) -> Obj | None:
        found = self._store.get("pods", self.namespace, self.name)
        return found if found is not None and found["metadata"]["uid"] == self.uid else None

    def _publish_ports(self) -> None:
        stored = self._stored()
        if stored is not None and ports.chosen(stored) != self._replaced:
            self._store.update("pods", ports.published(stored, self._replaced))

    async def _end(self, grace_seconds: float) -> None:
        if grace_seconds > 0:
            for runner in self.runners:
                if runner.process is not None:
                    self.say(runner.container, "Killing", f"Stopping container {runner.state.name}")
            await self._leave_endpoints()
        await asyncio.gather(*(runner.stop(grace_seconds) for runner in self.runners))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._stored() is not None:
            self._store.remove("pods", self.namespace, self.name)
        self._addresses.release(self.uid)
        remove_folder(self._folder.parent)

    async def _leave_endpoints(self) -> None:
        """Wait until no EndpointSlice sends new connections here."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LEAVE_SECONDS
        version, was_listed = 0, False
        while self._is_listed() and loop.time() < deadline:
            was_listed = True
            version = await self._store.wait_change(max(version, self._store.version), deadline - loop.time())
        if was_listed or self._has_slices():
            await asyncio.sleep(SETTLE_SECONDS)

    def _has_slices(self) -> bool:
        return bool(self._store.list("endpointslices", self.namespace))

    def _is_listed(self) -> bool:
        return any(
            (endpoint.get("targetRef") or {}).get("uid") == self.uid and endpoint["conditions"].get("ready")
            for part in self._store.list("endpointslices", self.namespace)
            for endpoint in part.get("endpoints") or ()
        )


def _states_before(pod: Obj, now: str) -> list[ContainerState]:
    """The states to start from: fresh ones, or after a restart of the node the counts and last states of before."""
    known = {entry["name"]: entry for entry in (pod.get("status") or {}).get("containerStatuses") or ()}
    states = []
    for container in pod["spec"]["containers"]:
        state = ContainerState.before(container)
        entry = known.get(container["name"])
        if entry is not None and entry.get("containerID"):
            lost = {"exitCode": 255, "reason": "Unknown", "startedAt": None, "finishedAt": now}
            running = entry["state"].get("running")
            lost["startedAt"] = running["startedAt"] if running else now
            state.restart_count = entry["restartCount"] + 1
            state.last_state = {"terminated": lost} if running else entry["lastState"] or entry["state"]
            state.has_run = True
        states.append(state)
    return states


async def run_inside(context: ExecContext, words: list[str]) -> tuple[int, str]:
    """Run a command in a container's environment: exit code and what it printed; killed if the caller gives up."""
    argv = [context.mounts.translate(word) for word in words]
    try:
        started = await asyncio.create_subprocess_exec(
            *argv,
            env=context.env,
            cwd=context.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return 126, f'exec: "{argv[0]}": {error.strerror}'
    try:
        printed, _ = await started.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        await started.wait()
        raise
    return started.returncode or 0, printed.decode(errors="replace")
