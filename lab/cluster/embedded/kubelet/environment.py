"""The environment, command and arguments of a container, as the kubelet of a real cluster works them out."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.cluster.embedded import ports
from lab.cluster.embedded.images import LocalImage
from lab.cluster.embedded.kubelet.volumes import MountMap
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store

LOOPBACK = "127.0.0.1"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REFERENCE = re.compile(r"\$\$|\$\(([^()\s]+)\)")
_KEYED_PATH = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(Exception):
    """What the container refers to is not there; it waits as CreateContainerConfigError until it is."""


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    """What to run: argv with expanded variables and real paths, and the complete environment."""

    argv: tuple[str, ...]
    env: dict[str, str]


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the kubelet knows of a Pod beyond its manifest."""

    pod: Obj
    address: str
    replaced_ports: Mapping[int, int]
    folder: Path


def expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the variable's value where it is known, `$$` becomes `$`; all else stays."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else env.get(name, match.group(0))

    return _REFERENCE.sub(value, text)


def container_command(
    facts: PodFacts,
    container: Obj,
    image: LocalImage,
    mounts: MountMap,
    store: Store,
    settings: NodeSettings,
    *,
    host_path: str,
) -> ContainerCommand:
    """The command line and environment of `container`; `host_path` is PATH where neither image nor manifest sets one.

    Raises:
        ConfigError: a ConfigMap, Secret or key that is not optional does not exist.
    """
    own = _own_variables(facts, container, _service_variables(facts.pod, store, settings), store)
    base = {
        "PATH": host_path or DEFAULT_PATH,
        "HOME": str(facts.folder),
        "LANG": "C.UTF-8",
        "TMPDIR": str(facts.folder),
    }
    env = {**base, "HOSTNAME": facts.pod["metadata"]["name"], **image.env, **own}
    command = [expand(word, own) for word in container.get("command") or ()] or list(image.entrypoint)
    arguments = [expand(word, own) for word in container.get("args") or ()]
    return ContainerCommand(
        tuple(mounts.translate(word) for word in (*command, *arguments)),
        {name: mounts.translate(value) if name in own else value for name, value in env.items()},
    )


def _own_variables(facts: PodFacts, container: Obj, services: dict[str, str], store: Store) -> dict[str, str]:
    """Service variables, then envFrom, then env in order, each able to refer to what came before."""
    known = dict(services)
    namespace = facts.pod["metadata"]["namespace"]
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for kind, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if kind in source:
                known.update({prefix + k: v for k, v in _all_keys(store, resource, namespace, source[kind]).items()})
    declared = {str(port["containerPort"]): port["containerPort"] for port in container.get("ports") or ()}
    for entry in container.get("env") or ():
        name = entry["name"]
        if "valueFrom" in entry:
            found = _value_from(facts, entry["valueFrom"], store)
            if found is None:
                continue
            known[name] = found
        else:
            known[name] = expand(entry.get("value", ""), known)
        if name == "PORT" and known[name] in declared:
            port = declared[known[name]]
            known[name] = str(facts.replaced_ports.get(port, port))
    return known


def _value_from(facts: PodFacts, source: Obj, store: Store) -> str | None:
    namespace = facts.pod["metadata"]["namespace"]
    if "fieldRef" in source:
        return field_value(facts, source["fieldRef"]["fieldPath"])
    for kind, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if kind in source:
            return _key(store, resource, namespace, source[kind])
    raise ConfigError(f"unsupported env source {', '.join(sorted(source))}")


def field_value(facts: PodFacts, path: str) -> str:
    """A downward API field.

    Raises:
        ConfigError: the field is none that a Pod can ask for.
    """
    meta, spec = facts.pod["metadata"], facts.pod["spec"]
    keyed = _KEYED_PATH.fullmatch(path)
    if keyed:
        return str((meta.get(keyed.group(1)) or {}).get(keyed.group(2), ""))
    match path:
        case "metadata.name" | "metadata.namespace" | "metadata.uid":
            return str(meta[path.removeprefix("metadata.")])
        case "spec.nodeName" | "spec.serviceAccountName":
            return str(spec.get(path.removeprefix("spec."), ""))
        case "status.podIP" | "status.podIPs":
            return facts.address
        case "status.hostIP" | "status.hostIPs":
            return LOOPBACK
        case _:
            raise ConfigError(f'unsupported fieldPath "{path}"')


def stored_data(store: Store, resource: str, namespace: str, name: str) -> dict[str, bytes] | None:
    """The keys of a ConfigMap or Secret as bytes, or None where there is no such object."""
    found = store.get(resource, namespace, name)
    if found is None:
        return None
    if resource == "secrets":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    data = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    data.update({key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()})
    return data


def _all_keys(store: Store, resource: str, namespace: str, reference: Obj) -> dict[str, str]:
    data = stored_data(store, resource, namespace, reference["name"])
    if data is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{resource.removesuffix("s")} "{reference["name"]}" not found')
    return {key: value.decode(errors="replace") for key, value in data.items()}


def _key(store: Store, resource: str, namespace: str, reference: Obj) -> str | None:
    data = stored_data(store, resource, namespace, reference["name"])
    if data is None and not reference.get("optional"):
        raise ConfigError(f'{resource.removesuffix("s")} "{reference["name"]}" not found')
    found = (data or {}).get(reference["key"])
    if found is None:
        if reference.get("optional"):
            return None
        shown = "ConfigMap" if resource == "configmaps" else "Secret"
        raise ConfigError(f"couldn't find key {reference['key']} in {shown} {namespace}/{reference['name']}")
    return found.decode(errors="replace")


def _service_variables(pod: Obj, store: Store, settings: NodeSettings) -> dict[str, str]:
    """`NAME_SERVICE_HOST` and its companions for every Service of the namespace that exists now, and for the API."""
    found: dict[str, str] = {}
    if pod["spec"].get("enableServiceLinks", True):
        for service in store.list("services", pod["metadata"]["namespace"]):
            found.update(_variables_of(service))
    found["KUBERNETES_SERVICE_HOST"] = settings.api_host
    found["KUBERNETES_SERVICE_PORT"] = str(settings.api_port)
    found["KUBERNETES_SERVICE_PORT_HTTPS"] = str(settings.api_port)
    return found


def _variables_of(service: Obj) -> dict[str, str]:
    host = service["spec"].get("clusterIP")
    listed = service["spec"].get("ports") or []
    if not host or host == "None" or not listed:
        return {}
    name = service["metadata"]["name"].upper().replace("-", "_")
    replaced = ports.chosen(service)
    real = [(port, replaced.get(port["port"], port["port"])) for port in listed]
    found = {f"{name}_SERVICE_HOST": host, f"{name}_SERVICE_PORT": str(real[0][1])}
    for port, number in real:
        if port.get("name"):
            found[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(number)
    found[f"{name}_PORT"] = f"tcp://{host}:{real[0][1]}"
    return found
