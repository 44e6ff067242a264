"""One container of a Pod: image, configuration, process, probes, limits and restarts, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lab.cluster.embedded.images import LocalImage, lookup
from lab.cluster.embedded.kubelet import process
from lab.cluster.embedded.kubelet.environment import ConfigError, ContainerCommand
from lab.cluster.embedded.kubelet.logs import LogFile, log_path
from lab.cluster.embedded.kubelet.mounts import MountError
from lab.cluster.embedded.kubelet.probes import ProbeKind, Prober, Target
from lab.cluster.embedded.kubelet.sampling import Usage, proportional_bytes
from lab.cluster.embedded.kubelet.status import ContainerState
from lab.cluster.embedded.quantity import parse_quantity
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, stamp

RETRY_SECONDS = 2.0
"""Between two looks at a missing image, ConfigMap or Secret; a change in the cluster ends the wait."""
STEADY_SECONDS = 600.0
"""A container that ran this long starts its back-off from the beginning again."""
CANNOT_START = 128


class Surroundings(Protocol):
    """What a container asks of its Pod."""

    def configure(self, container: Obj, image: LocalImage) -> ContainerCommand:
        """Volumes written, ports chosen, and the command to run; ConfigError or MountError where something lacks."""
        ...

    def target(self, container: Obj) -> Target:
        """Where the probes go."""
        ...

    def publish(self) -> None:
        """The container's state changed."""
        ...

    def say(self, container: Obj, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an event about the container."""
        ...


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What all containers of the node share."""

    settings: NodeSettings
    lifeline: process.Lifeline
    clock: Callable[[], datetime]
    host_path: str
    """PATH of containers whose image sets none."""


class ContainerRunner:
    """Runs one container until it is stopped, or its restart policy ends it."""

    def __init__(self, pod: Obj, container: Obj, state: ContainerState, around: Surroundings, node: NodeParts) -> None:
        self.state = state
        self.container = container
        self.process: process.Process | None = None
        self.command: ContainerCommand | None = None
        limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
        self.memory_limit = float(parse_quantity(str(limit))) if limit else None
        self._pod = pod
        self._around = around
        self._node = node
        self._policy = pod["spec"].get("restartPolicy", "Always")
        self._grace = float(pod["spec"].get("terminationGracePeriodSeconds", 30))
        self._stopping = asyncio.Event()
        self._poked = asyncio.Event()
        self._failures = 0
        self._out_of_memory = False

    async def run(self) -> None:
        """Start, watch and restart the container."""
        while not self._stopping.is_set():
            image = await self._find_image()
            command = await self._configured(image) if image is not None else None
            if command is None:
                return
            self.command = command
            ran_seconds, code = await self._run_once(command)
            if self._stopping.is_set() or not self._restarts_after(code):
                return
            self._failures = 0 if ran_seconds >= STEADY_SECONDS else self._failures + 1
            await self._back_off()
            self.state.restart_count += 1

    def poke(self) -> None:
        """Something in the cluster changed: look again at what was missing."""
        self._poked.set()

    def enforce_memory(self, usage: Usage) -> None:
        """
        Kill the container if its process tree holds more than its limit, as the kernel does with a memory cgroup.

        Resident bytes decide, and where they are above the limit, the same with shared pages split: a container
        whose children share its pages does not pay for them twice.
        """
        running, limit = self.process, self.memory_limit
        if running is None or limit is None or usage.memory_bytes <= limit:
            return
        exact = proportional_bytes(usage.pids)
        if exact is None or exact > limit:
            self._out_of_memory = True
            running.kill(usage.pids)

    async def stop(self, grace_seconds: float) -> None:
        """End the container: SIGTERM to its group, SIGKILL after the grace."""
        self._stopping.set()
        self._poked.set()
        if self.process is not None:
            await _terminate(self.process, grace_seconds)

    async def _find_image(self) -> LocalImage | None:
        """The image, once the catalogue has it; None if the container is stopped before."""
        name, tries = self.container["image"], 0
        while not self._stopping.is_set():
            found = lookup(self._node.settings.state_dir, name)
            if found is not None:
                self.state.image_id = f"embedded://{name}"
                if self.state.restart_count == 0:
                    self._around.say(self.container, "Pulled", f'Container image "{name}" already present on machine')
                return found
            problem = f'failed to resolve reference "{name}": {name}: not found'
            if self.container.get("imagePullPolicy") == "Never":
                self._never_pulled(name, first=tries == 0)
            elif tries == 0:
                self._around.say(self.container, "Pulling", f'Pulling image "{name}"')
                self._around.say(self.container, "Failed", f'Failed to pull image "{name}": {problem}', warning=True)
                self._around.say(self.container, "Failed", "Error: ErrImagePull", warning=True)
                self._wait_as("ErrImagePull", problem)
            else:
                if tries == 1:
                    self._around.say(self.container, "BackOff", f'Back-off pulling image "{name}"')
                    self._around.say(self.container, "Failed", "Error: ImagePullBackOff", warning=True)
                self._wait_as("ImagePullBackOff", f'Back-off pulling image "{name}"')
            tries += 1
            await self._pause(RETRY_SECONDS)
        return None

    def _never_pulled(self, name: str, *, first: bool) -> None:
        """An image that is not here and that nobody may fetch."""
        problem = f'Container image "{name}" is not present with pull policy of Never'
        if first:
            self._around.say(self.container, "ErrImageNeverPull", problem, warning=True)
            self._around.say(self.container, "Failed", "Error: ErrImageNeverPull", warning=True)
        self._wait_as("ErrImageNeverPull", problem)

    async def _configured(self, image: LocalImage) -> ContainerCommand | None:
        """The command, once all it refers to is there; None if the container is stopped before."""
        while not self._stopping.is_set():
            self._poked.clear()
            try:
                return self._around.configure(self.container, image)
            except ConfigError as error:
                if self._wait_as("CreateContainerConfigError", str(error)):
                    self._around.say(self.container, "Failed", f"Error: {error}", warning=True)
            except MountError as error:
                if self._wait_as("ContainerCreating", str(error)):
                    self._around.say(self.container, "FailedMount", str(error), warning=True)
            await self._pause(RETRY_SECONDS, pokable=True)
        return None

    async def _run_once(self, command: ContainerCommand) -> tuple[float, int]:
        """One life of the process: how long it ran, and its exit code as a container's."""
        loop, state = asyncio.get_running_loop(), self.state
        uid, settings = self._pod["metadata"]["uid"], self._node.settings
        began, started_at = loop.time(), stamp(self._node.clock())
        state.container_id = f"embedded://{uid}/{state.name}/{state.restart_count}"
        program = shutil.which(command.argv[0], path=command.env["PATH"]) if command.argv else None
        if program is None:
            shown = command.argv[0] if command.argv else ""
            self._cannot_start(f'exec: "{shown}": executable file not found in $PATH', started_at)
            return 0.0, CANNOT_START
        try:
            running = process.start(
                command.argv,
                program=program,
                env=command.env,
                cwd=settings.state_dir / "pods" / uid / "_root",
                log=LogFile(log_path(settings.state_dir, uid, state.name, state.restart_count)),
                lifeline=self._node.lifeline,
                state_dir=settings.state_dir,
            )
        except OSError as error:
            self._cannot_start(f"cannot start a process: {error.strerror}", started_at)
            return 0.0, CANNOT_START
        self.process, self._out_of_memory = running, False
        state.state, state.has_run = {"running": {"startedAt": started_at}}, True
        state.started = "startupProbe" not in self.container
        state.ready = state.started and "readinessProbe" not in self.container
        self._around.say(self.container, "Created", f"Created container: {state.name}")
        self._around.say(self.container, "Started", f"Started container {state.name}")
        self._around.publish()
        probing = asyncio.create_task(self._probe(running))
        try:
            code = await running.wait()
        finally:
            probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await probing
            self.process = None
        return loop.time() - began, self._ended(code, started_at)

    def _cannot_start(self, message: str, started_at: str) -> None:
        self._around.say(self.container, "Failed", f"Error: {message}", warning=True)
        self.state.has_run = True
        self._terminated("StartError", CANNOT_START, started_at, message)

    def _ended(self, code: int, started_at: str) -> int:
        exit_code = code if code >= 0 else 128 - code
        ordinary = "Completed" if exit_code == 0 else "Error"
        self._terminated("OOMKilled" if self._out_of_memory else ordinary, exit_code, started_at)
        return exit_code

    def _terminated(self, reason: str, exit_code: int, started_at: str, message: str = "") -> None:
        ended = {
            "exitCode": exit_code,
            "reason": reason,
            "startedAt": started_at,
            "finishedAt": stamp(self._node.clock()),
            "containerID": self.state.container_id,
        }
        if message:
            ended["message"] = message
        self.state.state = {"terminated": ended}
        self.state.ready = self.state.started = False
        self._around.publish()

    def _restarts_after(self, code: int) -> bool:
        return self._policy == "Always" or (self._policy == "OnFailure" and code != 0)

    async def _back_off(self) -> None:
        """The first restart comes at once; then base, twice that, and so on to the limit."""
        settings, state = self._node.settings, self.state
        ended = state.state
        if self._failures > 1:
            wait = min(settings.restart_backoff_limit, settings.restart_backoff_base * 2.0 ** (self._failures - 2))
            meta = self._pod["metadata"]
            where = f"container={state.name} pod={meta['name']}_{meta['namespace']}({meta['uid']})"
            state.last_state = ended
            self._wait_as("CrashLoopBackOff", f"back-off {wait:g}s restarting failed {where}")
            told = f"Back-off restarting failed container {state.name} in pod {meta['name']}_{meta['namespace']}"
            self._around.say(self.container, "BackOff", told, warning=True)
            await self._pause(wait)
        state.last_state = ended

    async def _probe(self, running: process.Process) -> None:
        """Startup first, then readiness and liveness side by side, for as long as the process runs."""
        target, container = self._around.target(self.container), self.container

        def prober(kind: ProbeKind, key: str, verdict: bool, report: Callable[[bool, str], None]) -> Prober:
            def failed(message: str) -> None:
                self._around.say(container, "Unhealthy", f"{kind} probe failed: {message}", warning=True)

            return Prober(container[key], target, verdict=verdict, report=report, failed=failed)

        def ready(good: bool, _: str) -> None:
            self.state.ready = good
            self._around.publish()

        def dead(kind: str) -> Callable[[bool, str], None]:
            def report(good: bool, _: str) -> None:
                if not good:
                    told = f"Container {self.state.name} failed {kind} probe, will be restarted"
                    self._around.say(container, "Killing", told)
                    terminations.append(asyncio.create_task(_terminate(running, self._grace)))

            return report

        terminations: list[asyncio.Task[None]] = []
        if "startupProbe" in container:
            startup = prober("Startup", "startupProbe", False, lambda *_: None)
            if not await startup.run_until_decided():
                dead("startup")(False, "")
                await asyncio.gather(*terminations)
                return
            self.state.started = True
            self.state.ready = "readinessProbe" not in container
            self._around.publish()
        probers = []
        if "readinessProbe" in container:
            probers.append(prober("Readiness", "readinessProbe", False, ready).run(eager=True))
        if "livenessProbe" in container:
            probers.append(prober("Liveness", "livenessProbe", True, dead("liveness")).run())
        try:
            await asyncio.gather(*probers)
        finally:
            for task in terminations:
                await asyncio.shield(task)

    def _wait_as(self, reason: str, message: str) -> bool:
        """Show the container as waiting; whether that is news."""
        waiting = {"waiting": {"reason": reason, "message": message}}
        if self.state.state == waiting:
            return False
        self.state.state = waiting
        self._around.publish()
        return True

    async def _pause(self, seconds: float, *, pokable: bool = False) -> None:
        event = self._poked if pokable else self._stopping
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


async def _terminate(running: process.Process, grace_seconds: float) -> None:
    running.signal(signal.SIGTERM)
    done, _ = await asyncio.wait((running.ended,), timeout=grace_seconds)
    if not done:
        running.signal(signal.SIGKILL)
        await asyncio.wait((running.ended,))
