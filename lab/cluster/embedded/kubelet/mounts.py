"""What the volumes of a Pod hold, written to its folder: ConfigMaps, Secrets, downward fields, tokens, nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from lab.cluster.embedded.kubelet.environment import ConfigError, PodFacts, field_value, stored_data
from lab.cluster.embedded.kubelet.volumes import SERVICE_ACCOUNT_PATH, MountMap, write_file, write_files
from lab.cluster.embedded.settings import NodeSettings
from lab.cluster.embedded.store import Obj, Store

SCRATCH = ".volumes"


class MountError(Exception):
    """A volume that cannot be filled; the Pod waits in ContainerCreating until it can."""


class PodVolumes:
    """The volumes of one Pod, and the mount paths its containers see them under."""

    def __init__(self, store: Store, settings: NodeSettings) -> None:
        self._store = store
        self._settings = settings

    def prepare(self, facts: PodFacts, container: Obj) -> MountMap:
        """Write every volume that `container` mounts.

        Raises:
            MountError: a ConfigMap, Secret or key that is not optional does not exist.
        """
        paths = [mount["mountPath"] for mount in container.get("volumeMounts") or ()]
        mounts = MountMap(facts.folder, [*paths, SERVICE_ACCOUNT_PATH])
        self._write_service_account(facts, mounts)
        self._write_mounts(facts, container, mounts, first=True)
        return mounts

    def refresh(self, facts: PodFacts, container: Obj, mounts: MountMap) -> bool:
        """Bring files up to date with changed ConfigMaps and Secrets; whether any changed.

        `subPath` mounts keep their files, and so does a volume whose source is gone.
        """
        try:
            return self._write_mounts(facts, container, mounts, first=False)
        except MountError:
            return False

    def versions(self, pod: Obj) -> tuple[tuple[str, str, str], ...]:
        """The versions of the ConfigMaps and Secrets that the Pod's volumes hold now."""
        found: list[tuple[str, str, str]] = []
        for volume in pod["spec"].get("volumes") or ():
            parts = [volume, *(volume.get("projected") or {}).get("sources", ())]
            for part in parts:
                for kind, resource in (("configMap", "configmaps"), ("secret", "secrets")):
                    if kind in part:
                        name = part[kind].get("secretName") or part[kind].get("name", "")
                        held = self._store.get(resource, pod["metadata"]["namespace"], name)
                        found.append((resource, name, held["metadata"]["resourceVersion"] if held else ""))
        return tuple(found)

    def _write_mounts(self, facts: PodFacts, container: Obj, mounts: MountMap, *, first: bool) -> bool:
        volumes = {volume["name"]: volume for volume in facts.pod["spec"].get("volumes") or ()}
        changed = False
        for mount in container.get("volumeMounts") or ():
            volume = volumes.get(mount["name"])
            if volume is None:
                continue
            target = mounts.real(mount["mountPath"])
            if "emptyDir" in volume:
                _link_scratch(facts.folder, volume["name"], target)
                continue
            sub_path = mount.get("subPath")
            if sub_path and not first:
                continue
            files = self._files(facts, volume)
            if sub_path and sub_path in files:
                changed = write_file(target, files[sub_path]) or changed
            elif sub_path:
                inside = {
                    str(PurePosixPath(name).relative_to(sub_path)): content
                    for name, content in files.items()
                    if PurePosixPath(name).is_relative_to(sub_path)
                }
                changed = write_files(target, inside) or changed
            else:
                changed = write_files(target, files) or changed
        return changed

    def _files(self, facts: PodFacts, volume: Obj) -> dict[str, bytes]:
        for kind in ("configMap", "secret", "downwardAPI", "projected"):
            if kind in volume:
                try:
                    return self._source_files(facts, kind, volume[kind])
                except (MountError, ConfigError) as error:
                    raise MountError(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error
        shown = ", ".join(sorted(set(volume) - {"name"}))
        raise MountError(f'volume "{volume["name"]}" is of a type that this node cannot provide: {shown}')

    def _source_files(self, facts: PodFacts, kind: str, source: Obj) -> dict[str, bytes]:
        namespace = facts.pod["metadata"]["namespace"]
        match kind:
            case "configMap":
                return self._selected(namespace, "configmaps", source.get("name", ""), source)
            case "secret":
                return self._selected(namespace, "secrets", source.get("secretName") or source.get("name", ""), source)
            case "downwardAPI":
                return {
                    item["path"]: field_value(facts, item["fieldRef"]["fieldPath"]).encode()
                    for item in source.get("items") or ()
                }
            case "serviceAccountToken":
                return {source["path"]: self._settings.token.encode()}
            case "projected":
                files: dict[str, bytes] = {}
                for part in source.get("sources") or ():
                    for inner, value in part.items():
                        files.update(self._source_files(facts, inner, value))
                return files
            case _:
                raise MountError(f"a source of type {kind} cannot be provided by this node")

    def _selected(self, namespace: str, resource: str, name: str, source: Obj) -> dict[str, bytes]:
        data = stored_data(self._store, resource, namespace, name)
        optional = bool(source.get("optional"))
        if data is None:
            if optional:
                return {}
            raise MountError(f'{resource.removesuffix("s")} "{name}" not found')
        if not source.get("items"):
            return data
        files: dict[str, bytes] = {}
        for item in source["items"]:
            if item["key"] in data:
                files[item["path"]] = data[item["key"]]
            elif not optional:
                raise MountError(f"references non-existent {resource.removesuffix('s')} key: {item['key']}")
        return files

    def _write_service_account(self, facts: PodFacts, mounts: MountMap) -> None:
        if not facts.pod["spec"].get("automountServiceAccountToken", True):
            return
        target = mounts.real(SERVICE_ACCOUNT_PATH)
        contents: tuple[tuple[str, Callable[[], bytes]], ...] = (
            ("token", lambda: self._settings.token.encode()),
            ("ca.crt", lambda: _read_if_there(self._settings.ca_file)),
            ("namespace", lambda: str(facts.pod["metadata"]["namespace"]).encode()),
        )
        for name, content in contents:
            write_file(target / name, content(), mode=0o600)


def _link_scratch(folder: Path, volume: str, target: Path) -> None:
    """An empty folder of the Pod, shared by all mounts of the volume."""
    scratch = folder / SCRATCH / volume
    scratch.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(scratch, target_is_directory=True)


def _read_if_there(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
