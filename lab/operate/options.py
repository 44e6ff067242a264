"""What a lab can bring up beside the stack, on clusters that pull images: manifests of `stack/platform/options`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import yaml

from lab.cluster.apply import apply
from lab.cluster.client import Cluster, Object
from lab.errors import SettingsError
from lab.operate.baseline import NOT_PULLED, OPTION_MARK, Say, rolled_out

OPTIONS = ("grafana",)
"""What `--with` takes."""
IMAGE_VARIABLES: Mapping[str, str] = {"grafana": "LAB_GRAFANA_IMAGE"}
"""Environment variables that name another image than the manifest's."""

_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Option:
    """One option and the objects that it consists of, Deployments last."""

    name: str
    image: str
    objects: tuple[Object, ...]


def require_options(on: str, names: tuple[str, ...]) -> None:
    """
    Raise SettingsError where an option is not known, or the engine cannot run it.

    The embedded cluster runs programs of this machine, and these come as images alone.
    """
    unknown = [name for name in names if name not in OPTIONS]
    if unknown:
        raise SettingsError(
            "Unknown option", f"--with {unknown[0]}: there is no such option.", f"Known: {', '.join(OPTIONS)}."
        )
    if names and on == "embedded":
        raise SettingsError(
            f"No {names[0]} on the embedded cluster",
            f"it runs programs of this machine in place of images, and {names[0]} comes as an image.",
            f"Use a real cluster: lab --on kind up --with {names[0]}. Prometheus has graphs of its own: `lab status`.",
        )


def read_option(stack_root: Path, name: str, environ: Mapping[str, str]) -> Option:
    """The manifest with its ConfigMaps, one for each folder beside it, and one of the dashboards."""
    folder = stack_root / "platform" / "options"
    documents = yaml.safe_load_all((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    objects: list[Object] = [item for item in documents if item]
    image = environ.get(IMAGE_VARIABLES[name], "")
    for item in objects:
        if item["kind"] == "Deployment":
            container = item["spec"]["template"]["spec"]["containers"][0]
            container["image"] = image = image or str(container["image"])
    folders = [(path.name, path) for path in sorted((folder / name).iterdir()) if path.is_dir()]
    maps = [_config_map(name, part, path) for part, path in (*folders, ("dashboards", stack_root / "dashboards"))]
    ordered = sorted((*maps, *objects), key=lambda item: item["kind"] == "Deployment")
    return Option(name, image, tuple(ordered))


def apply_option(cluster: Cluster, option: Option) -> None:
    """Apply every object of it."""
    for item in option.objects:
        apply(cluster, item)


def await_option(cluster: Cluster, option: Option, on: str, environ: Mapping[str, str], say: Say, stop: Event) -> bool:
    """Wait until it is rolled out, or is known not to be soon, and say which; the stack is up either way."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        deployments = [item for item in cluster.list("Deployment") if item["metadata"]["name"] == option.name]
        if deployments and all(rolled_out(item) for item in deployments):
            say(f"{option.name} is ready")
            return True
        if _cannot_pull(cluster, option.name):
            say(f"{option.name} is not up: the cluster cannot pull {option.image}. {remedy(option, on, environ)}")
            return False
        if time.monotonic() > end or stop.wait(_POLL_SECONDS):
            say(f"{option.name} is not up yet. Look with: lab ops get pods")
            return False


def remedy(option: Option, on: str, environ: Mapping[str, str]) -> str:
    """What a person does where the nodes cannot pull the image; its pod starts by itself afterwards."""
    if on == "kind":
        from lab.cluster.kind import CLUSTER

        name = environ.get("LAB_KIND_CLUSTER") or CLUSTER
        return (
            f"Load it: docker pull {option.image} && kind load docker-image {option.image} --name {name}. "
            "The pod then starts by itself."
        )
    variable = IMAGE_VARIABLES[option.name]
    return f"Name one that its nodes can pull: {variable}=IMAGE lab up --with {option.name}"


def _cannot_pull(cluster: Cluster, name: str) -> bool:
    return any(
        (status.get("state", {}).get("waiting") or {}).get("reason") in NOT_PULLED
        for pod in cluster.list("Pod", f"app.kubernetes.io/name={name}")
        for status in pod.get("status", {}).get("containerStatuses", [])
    )


def _config_map(option: str, part: str, folder: Path) -> Object:
    data = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.is_file()}
    key, value = OPTION_MARK
    labels = {"app.kubernetes.io/name": option, "app.kubernetes.io/part-of": "flight-risk", key: value}
    metadata = {"name": f"{option}-{part}", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
