"""
The controllers: one level-triggered pass over the whole store, after every change and every half second.

    await run_controllers(store, settings, stop)
    Controllers(store, clock=...).reconcile()      a single pass, for those who drive it themselves
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from lab.cluster.embedded.controllers.autoscaler import Autoscaler
from lab.cluster.embedded.controllers.common import next_change
from lab.cluster.embedded.controllers.cronjobs import CronJobController
from lab.cluster.embedded.controllers.deployments import DeploymentController
from lab.cluster.embedded.controllers.events import Recorder, expire_events
from lab.cluster.embedded.controllers.garbage import GarbageCollector, NamespaceController
from lab.cluster.embedded.controllers.jobs import JobController
from lab.cluster.embedded.controllers.replicasets import ReplicaSetController
from lab.cluster.embedded.controllers.services import ServiceController
from lab.cluster.embedded.netproxy import ServiceProxies
from lab.cluster.embedded.options import AutoscalerOptions
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Store, utc_now
from lab.cluster.embedded.usage import UsageSource

__all__ = ["Controllers", "run_controllers"]

PASS_SECONDS = 0.5
"""Between two passes when nothing is written: deadlines and ready times go by without a write."""
BUSY_PASSES = 25
"""Passes that may follow each other at once while each still writes; after that a pause, whatever is stuck."""
_log = logging.getLogger(__name__)


class Controllers:
    """
    All controllers of the cluster.

    Jobs wait after failures by `backoff_base` and `backoff_limit`, in seconds. Without a `source` of usage nothing is
    scaled by it.
    """

    def __init__(
        self,
        store: Store,
        *,
        backoff_base: float = 10.0,
        backoff_limit: float = 600.0,
        clock: Callable[[], datetime] = utc_now,
        proxies: ServiceProxies | None = None,
        source: UsageSource | None = None,
        autoscaling: AutoscalerOptions | None = None,
    ) -> None:
        self._store = store
        self._proxies = proxies
        self._clock = clock
        self._deployments = DeploymentController(store, Recorder(store, "deployment-controller", clock=clock))
        self._replica_sets = ReplicaSetController(store, Recorder(store, "replicaset-controller", clock=clock))
        self._jobs = JobController(
            store, Recorder(store, "job-controller", clock=clock),
            backoff_base=backoff_base, backoff_limit=backoff_limit,
        )  # fmt: skip
        self._cron_jobs = CronJobController(store, Recorder(store, "cronjob-controller", clock=clock))
        self._autoscaler = None
        if source is not None:
            scaling = Recorder(store, "horizontal-pod-autoscaler", clock=clock)
            self._autoscaler = Autoscaler(store, scaling, source, autoscaling or AutoscalerOptions())
        self._services = ServiceController(store)
        self._garbage = GarbageCollector(store)
        self._namespaces = NamespaceController(store)

    def reconcile(self) -> None:
        """One pass. A step that meets a change of someone else's is taken up by the next pass."""
        now = self._clock()
        steps: tuple[Callable[[], None], ...] = (
            self._services.reconcile,
            self._sync_proxies,
            self._namespaces.reconcile,
            self._garbage.reconcile,
            lambda: self._autoscale(now),
            lambda: self._deployments.reconcile(now),
            lambda: self._replica_sets.reconcile(now),
            lambda: self._cron_jobs.reconcile(now),
            lambda: self._jobs.reconcile(now),
            lambda: expire_events(self._store, now),
        )
        for step in steps:
            try:
                step()
            except StatusError as error:
                _log.debug("a controller met a change: %s", error)

    def _autoscale(self, now: datetime) -> None:
        if self._autoscaler is not None:
            self._autoscaler.reconcile(now)

    def _sync_proxies(self) -> None:
        """Before any Pod is made: its environment tells the ports that its Services really have."""
        if self._proxies is not None:
            self._proxies.sync()


async def run_controllers(
    store: Store, settings: NodeSettings, stop: asyncio.Event, source: UsageSource | None = None
) -> None:
    """Reconcile and carry the traffic of Services until `stop` is set."""
    proxies = ServiceProxies(store)
    controllers = Controllers(
        store,
        proxies=proxies,
        source=source,
        autoscaling=settings.options.autoscaler,
        backoff_base=settings.restart_backoff_base,
        backoff_limit=settings.restart_backoff_limit,
    )
    busy_passes = 0
    try:
        while not stop.is_set():
            version = store.version
            controllers.reconcile()
            busy_passes = busy_passes + 1 if store.version != version else 0
            if 0 < busy_passes < BUSY_PASSES:
                await asyncio.sleep(0)
            else:
                await next_change(store, store.version, PASS_SECONDS, stop)
    finally:
        proxies.close()
