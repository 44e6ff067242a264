"""What goes when its owner or its namespace goes."""

from __future__ import annotations

from lab.cluster.embedded.controllers.common import is_leaving, with_meta
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.store import Obj, Store

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class GarbageCollector:
    """Follows ownerReferences: background, foreground and orphaning deletion."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self) -> None:
        """One pass over all objects."""
        everything = [(resource, obj) for resource in BY_RESOURCE for obj in self._store.list(resource)]
        present = {obj["metadata"]["uid"]: obj for _, obj in everything}
        owned = [(resource, obj) for resource, obj in everything if obj["metadata"].get("ownerReferences")]
        for resource, obj in everything:
            if is_leaving(obj):
                self._finish(resource, obj, owned)
        for resource, obj in owned:
            current = self._current(resource, obj)
            references = (current or {}).get("metadata", {}).get("ownerReferences")
            if current is not None and references and not any(ref["uid"] in present for ref in references):
                self._delete(resource, current)

    def _finish(self, resource: str, owner: Obj, owned: list[tuple[str, Obj]]) -> None:
        finalizers = owner["metadata"].get("finalizers") or []
        uid = owner["metadata"]["uid"]
        dependants = [
            (kind, obj) for kind, obj in owned if any(ref["uid"] == uid for ref in obj["metadata"]["ownerReferences"])
        ]
        if ORPHAN in finalizers:
            for kind, obj in dependants:
                left = [ref for ref in obj["metadata"]["ownerReferences"] if ref["uid"] != uid]
                self._store.update(kind, with_meta(obj, ownerReferences=left or None, resourceVersion=None))
            self._drop_finalizer(resource, owner, ORPHAN)
        elif FOREGROUND in finalizers:
            for kind, obj in dependants:
                self._delete(kind, obj, foreground=True)
            if not any(self._current(kind, obj) is not None for kind, obj in dependants):
                self._drop_finalizer(resource, owner, FOREGROUND)

    def _delete(self, resource: str, obj: Obj, *, foreground: bool = False) -> None:
        if is_leaving(obj):
            return
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        if foreground and resource != "pods" and FOREGROUND not in (meta.get("finalizers") or ()):
            held = with_meta(obj, finalizers=[*(meta.get("finalizers") or ()), FOREGROUND], resourceVersion=None)
            self._store.update(resource, held)
        self._store.delete(resource, namespace, name, uid=meta["uid"])

    def _drop_finalizer(self, resource: str, obj: Obj, finalizer: str) -> None:
        left = [name for name in obj["metadata"]["finalizers"] if name != finalizer]
        self._store.update(resource, with_meta(obj, finalizers=left or None, resourceVersion=None))

    def _current(self, resource: str, obj: Obj) -> Obj | None:
        meta = obj["metadata"]
        found = self._store.get(resource, meta.get("namespace", ""), meta["name"])
        return found if found is not None and found["metadata"]["uid"] == meta["uid"] else None


class NamespaceController:
    """Empties namespaces that are being deleted, then removes them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self) -> None:
        """One pass over all namespaces."""
        for namespace in self._store.list("namespaces"):
            if is_leaving(namespace):
                self._empty(namespace["metadata"]["name"])

    def _empty(self, namespace: str) -> None:
        resources = [kind.plural for kind in BY_RESOURCE.values() if kind.namespaced]
        for resource in sorted(resources, key=lambda name: name == "events"):
            for obj in self._store.list(resource, namespace):
                if not is_leaving(obj):
                    self._store.delete(resource, namespace, obj["metadata"]["name"])
        if not any(self._store.list(resource, namespace) for resource in resources):
            self._store.remove("namespaces", "", namespace)
