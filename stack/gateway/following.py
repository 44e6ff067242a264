"""Keeps the gateway's view of the world up to date: the routes file, the replicas, and what became of flights."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from stack.gateway.app import GatewayApp
from stack.gateway.forward import Forwarder
from stack.gateway.outcomes import Outcomes
from stack.gateway.router import Router
from stack.gateway.routes import RoutesFile
from stack.wire.client import Address
from stack.wire.endpoints import Endpoint, follow
from stack.wire.pages import LogReader

REREAD_SECONDS = 0.5
"""How often the routes file is looked at."""

TRUTH_SECONDS = 1.0
"""How often outcomes are asked for while a canary is judged."""

FEED = "feed"


class Following:
    """Background work beside the requests; one task for each service that is followed."""

    def __init__(
        self, discovery: Address, router: Router, forwarder: Forwarder, outcomes: Outcomes, log: logging.Logger
    ) -> None:
        self._discovery = discovery
        self._router = router
        self._forwarder = forwarder
        self._log = log
        self._truths = LogReader("/truth", outcomes.take, log, lambda: None, from_end=True)
        self._followed: dict[str, asyncio.Task[None]] = {}

    def begin(self) -> None:
        """Follow what the routes name."""
        self._forwarder.shadow()
        self._adjust()

    async def reread(self, file: RoutesFile, app: GatewayApp) -> None:
        """Look at the routes file again and again, until cancelled; a broken one changes nothing."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            routes = file.changed()
            app.routes_valid = file.valid
            if routes is not None and routes != self._router.routes:
                self._router.configure(routes, asyncio.get_running_loop().time())
                self.begin()

    async def learn(self) -> None:
        """Ask for outcomes while a canary is judged, until cancelled."""
        while True:
            await asyncio.sleep(TRUTH_SECONDS)
            if self._router.judges:
                await self._truths.read()

    async def close(self) -> None:
        """Stop following."""
        for task in self._followed.values():
            task.cancel()
        await asyncio.gather(*self._followed.values(), return_exceptions=True)
        self._truths.close()

    def _adjust(self) -> None:
        """Follow each service that is needed, and none that is not; a follower begins with the whole list."""
        wanted = set(self._router.services) | ({FEED} if self._router.routes.rollback.enabled else set())
        for service in [*self._followed]:
            self._followed.pop(service).cancel()
        for service in wanted:
            changed = self._truths.update if service == FEED else self._changed(service)
            self._followed[service] = asyncio.create_task(follow(self._discovery, service, changed, self._log))
        if FEED not in wanted:
            self._truths.update(())

    def _changed(self, service: str) -> Callable[[tuple[Endpoint, ...]], None]:
        return lambda endpoints: self._router.update(service, endpoints, asyncio.get_running_loop().time())
