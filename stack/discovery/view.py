"""What discovery knows at this moment, and how its readers hear of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from stack.discovery.pods import Pod


class View:
    """
    The pods known, with a version per component that changes whenever the ready ones of that component do.

    Versions start at `first_version`; a number that no earlier process used, such as the milliseconds since 1970, lets
    readers that outlive a restart notice it.
    """

    def __init__(self, first_version: int) -> None:
        self._first = first_version
        self._next = first_version + 1
        self._pods: dict[str, Pod] = {}
        self._versions: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._closed = False
        self.synced = False
        """Whether the pods were listed at least once."""

    def replace(self, pods: Iterable[Pod]) -> None:
        """Take `pods` as all there are."""
        self._update({pod.name: pod for pod in pods})
        self.synced = True

    def put(self, pod: Pod) -> None:
        """Add a pod or take its new state."""
        self._update({**self._pods, pod.name: pod})

    def remove(self, name: str) -> None:
        """Forget a pod, known or not."""
        self._update({key: pod for key, pod in self._pods.items() if key != name})

    def scraped(self) -> tuple[Pod, ...]:
        """Pods to scrape, in order of component and name."""
        return tuple(sorted(pod for pod in self._pods.values() if pod.scraped))

    def ready(self, component: str) -> tuple[Pod, ...]:
        """Pods of a component that take requests, in order of name."""
        return _ready(self._pods, component)

    def version(self, component: str) -> int:
        """Version of `ready(component)`."""
        return self._versions.get(component, self._first)

    async def wait(self, component: str, version: int, seconds: float) -> None:
        """Return once the version is another one, or after `seconds`, or when the view is closed."""
        try:
            async with asyncio.timeout(seconds):
                while self.version(component) == version and not self._closed:
                    await self._changed.wait()
        except TimeoutError:
            return

    def close(self) -> None:
        """Let every waiting reader return."""
        self._closed = True
        self._changed.set()

    def _update(self, pods: dict[str, Pod]) -> None:
        components = {pod.component for pod in (*pods.values(), *self._pods.values())}
        moved = [name for name in components if _ready(pods, name) != _ready(self._pods, name)]
        self._pods = pods
        for name in moved:
            self._versions[name] = self._next
            self._next += 1
        if moved:
            self._changed.set()
            self._changed = asyncio.Event()


def _ready(pods: dict[str, Pod], component: str) -> tuple[Pod, ...]:
    return tuple(sorted(pod for pod in pods.values() if pod.ready and pod.component == component))
