"""What every namespace comes with: the account `default` and the certificate of the API."""

from __future__ import annotations

import asyncio
import contextlib

from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Obj, Store

ROOT_CA = "kube-root-ca.crt"
IDLE_SECONDS = 5.0


class NamespaceFurnisher:
    """Creates the account and the ConfigMap in every namespace that lacks them."""

    def __init__(self, store: Store, settings: NodeSettings) -> None:
        self._store = store
        self._settings = settings

    def reconcile(self) -> None:
        """One pass over all namespaces."""
        for namespace in self._store.list("namespaces"):
            if not namespace["metadata"].get("deletionTimestamp"):
                self._furnish(namespace["metadata"]["name"])

    async def run(self, stop: asyncio.Event) -> None:
        """Reconcile after every change until `stop` is set."""
        stopping = asyncio.ensure_future(stop.wait())
        while not stop.is_set():
            version = self._store.version
            self.reconcile()
            change = asyncio.ensure_future(self._store.wait_change(version, IDLE_SECONDS))
            await asyncio.wait((change, stopping), return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await change
        await stopping

    def _furnish(self, namespace: str) -> None:
        if self._store.get("serviceaccounts", namespace, "default") is None:
            self._create("serviceaccounts", {"metadata": {"name": "default", "namespace": namespace}})
        if self._store.get("configmaps", namespace, ROOT_CA) is None:
            data = {"ca.crt": self._settings.ca_file.read_text(encoding="ascii")}
            self._create("configmaps", {"metadata": {"name": ROOT_CA, "namespace": namespace}, "data": data})

    def _create(self, resource: str, obj: Obj) -> None:
        with contextlib.suppress(StatusError):
            self._store.create(resource, obj)
