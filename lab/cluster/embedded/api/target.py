"""What a URL means: a kind, perhaps a namespace, a name and a subresource."""

from __future__ import annotations

from dataclasses import dataclass

from lab.cluster.embedded.kinds import Kind, by_address


@dataclass(frozen=True, slots=True)
class Target:
    """The object or collection that a request is about."""

    kind: Kind
    namespace: str | None
    """None for all namespaces, `""` for cluster-scoped kinds."""
    name: str
    """Empty for a collection."""
    subresource: str
    rest: str
    """What follows the subresource, for proxies: begins with `/` or is empty."""

    @property
    def in_namespace(self) -> str:
        """The namespace as the store wants it for one object."""
        return self.namespace or ""


def parse_target(path: str) -> Target | None:
    """The meaning of a path below `/api/v1/` or `/apis/GROUP/VERSION/`, or None when nothing is served there."""
    parts = path.strip("/").split("/")
    match parts:
        case ["api", version, *names]:
            group = ""
        case ["apis", group, version, *names]:
            pass
        case _:
            return None
    namespace: str | None = None
    if len(names) >= 3 and names[0] == "namespaces" and names[2] not in ("status", "finalize"):
        namespace, names = names[1], names[2:]
    if not names:
        return None
    kind = by_address(group, version, names[0])
    if kind is None:
        return None
    name = names[1] if len(names) > 1 else ""
    if kind.namespaced and name and namespace is None:
        return None
    if not kind.namespaced:
        if namespace is not None:
            return None
        namespace = ""
    subresource = names[2] if len(names) > 2 else ""
    rest = "/" + "/".join(names[3:]) if len(names) > 3 else ""
    if rest and path.endswith("/"):
        rest += "/"
    return Target(kind, namespace, name, subresource, rest)
