"""What feed, gateway, monitor and discovery have in common between their start and their end."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping

from stack.common.errors import StartError
from stack.common.logs import start_log
from stack.common.release import BackgroundRelease, ServingRelease
from stack.common.signals import stop_event

LINGER_SECONDS = 0.5
"""How long a replica on its way out still takes requests, while the news of it spreads."""

GRACE_SECONDS = 3.5
"""How long answers in flight may take after that; both fit in the five seconds that the manifests give a pod."""


def number_from(environ: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    """
    The number that the environment sets for `name`, else `default`.

    Raises:
        StartError: it is no number from `low` to `high`.
    """
    text = environ.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise StartError(f"{name}: expected a number from {low:g} to {high:g}, found {text!r}")
    return value


def run(component: str, main: Callable[[logging.Logger], Coroutine[None, None, None]]) -> int:
    """Run `main` with the component's log; returns the exit code: 0, or 1 when it could not start."""
    log = start_log(component, sys.stdout)
    try:
        asyncio.run(main(log))
    except StartError as error:
        log.error("%s", error)
        return 1
    return 0


async def until_stopped(*work: Coroutine[None, None, None]) -> None:
    """Run `work` beside each other until a signal asks for the end; an error in one of them ends all and is raised."""
    stop = stop_event()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in work]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def started(release: ServingRelease | BackgroundRelease) -> None:
    """Wait as long as the release takes longer than usual to become ready."""
    if release.start.delay_ms:
        await asyncio.sleep(release.start.delay_ms / 1000)
