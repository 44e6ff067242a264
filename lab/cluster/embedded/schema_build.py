"""
Builds the field table from the published API definitions of Kubernetes (`generated.proto`, Apache-2.0).

    go mod download k8s.io/api@v0.33.1 k8s.io/apimachinery@v0.33.1
    python -m lab.cluster.embedded.schema_build "$(go env GOMODCACHE)/k8s.io" v0.33.1

Of these files the table keeps names, numbers, types and markers such as merge keys, and none of their text. Go embeds
its `inline` structs, so their fields belong to the surrounding JSON object; the definitions do not mark them, `INLINED`
does.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

ROOTS = (
    "k8s.io.api.core.v1.Namespace",
    "k8s.io.api.core.v1.Node",
    "k8s.io.api.core.v1.Pod",
    "k8s.io.api.core.v1.Service",
    "k8s.io.api.core.v1.ConfigMap",
    "k8s.io.api.core.v1.Secret",
    "k8s.io.api.core.v1.ServiceAccount",
    "k8s.io.api.core.v1.Event",
    "k8s.io.api.apps.v1.Deployment",
    "k8s.io.api.apps.v1.ReplicaSet",
    "k8s.io.api.discovery.v1.EndpointSlice",
    "k8s.io.api.batch.v1.Job",
    "k8s.io.api.batch.v1.CronJob",
    "k8s.io.api.autoscaling.v1.Scale",
    "k8s.io.api.autoscaling.v1.HorizontalPodAutoscaler",
    "k8s.io.api.autoscaling.v2.HorizontalPodAutoscaler",
    "k8s.io.api.authorization.v1.SelfSubjectAccessReview",
    "k8s.io.api.authorization.v1.SelfSubjectRulesReview",
    "k8s.io.api.authentication.v1.SelfSubjectReview",
    "k8s.io.api.policy.v1.Eviction",
    "k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "k8s.io.apimachinery.pkg.apis.meta.v1.Status",
)

INLINED = frozenset({"volumeSource", "handler", "ephemeralContainerCommon", "localObjectReference"})

OPAQUE = {
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "time",
    "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": "raw",
    "k8s.io.apimachinery.pkg.runtime.RawExtension": "raw",
    "k8s.io.apimachinery.pkg.api.resource.Quantity": "quantity",
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "intstr",
}

_PACKAGE = re.compile(r"^package ([\w.]+);")
_MESSAGE = re.compile(r"^message (\w+) \{")
_FIELD = re.compile(r"^\s+(optional|repeated|map<string, ([\w.]+)>)\s*([\w.]+)? (\w+) = (\d+);")
_MARKER = re.compile(r"^\s*// \+(\w+)(?:=(.*))?$")

Entry = list[str | int]
"""[name, number, type, container, merge key, strategy, list type, list map keys, flags]; trailing empty ones cut."""


def parsed(text: str) -> dict[str, list[Entry]]:
    """The messages of one `generated.proto`, by full name."""
    package, current = "", ""
    messages: dict[str, list[Entry]] = {}
    markers: dict[str, list[str]] = {}
    for line in text.splitlines():
        if found := _PACKAGE.match(line):
            package = found[1]
        elif found := _MESSAGE.match(line):
            current = f"{package}.{found[1]}"
            messages[current] = []
            markers = {}
        elif current and (found := _FIELD.match(line)):
            messages[current].append(_entry(package, found, markers))
            markers = {}
        elif found := _MARKER.match(line):
            markers.setdefault(found[1], []).append((found[2] or "").strip())
        elif not line.strip():
            markers = {}
    return messages


def _entry(package: str, found: re.Match[str], markers: dict[str, list[str]]) -> Entry:
    container = {"optional": "", "repeated": "list"}.get(found[1], "map")
    written = found[2] if container == "map" else found[3]
    if written.startswith("."):
        type_name = written[1:]
    elif written[0].isupper():
        type_name = f"{package}.{written}"
    else:
        type_name = written
    flags = "i" if found[4] in INLINED else ""
    entry: Entry = [
        found[4],
        int(found[5]),
        OPAQUE.get(type_name, type_name),
        container,
        markers.get("patchMergeKey", [""])[0],
        markers.get("patchStrategy", [""])[0],
        markers.get("listType", [""])[0],
        ",".join(markers.get("listMapKey", [])),
        flags,
    ]
    while entry[-1] == "":
        entry.pop()
    return entry


def closure(messages: dict[str, list[Entry]], roots: tuple[str, ...]) -> dict[str, list[Entry]]:
    """The messages that the roots are made of, sorted by name."""
    kept: dict[str, list[Entry]] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in kept:
            continue
        kept[name] = messages[name]
        waiting.extend(str(entry[2]) for entry in messages[name] if "." in str(entry[2]))
    return dict(sorted(kept.items()))


def build(modules: Path, version: str, target: Path) -> None:
    """Write the table made from `modules/api@version` and `modules/apimachinery@version` to `target`."""
    messages: dict[str, list[Entry]] = {}
    for module in ("api", "apimachinery"):
        for path in sorted((modules / f"{module}@{version}").rglob("generated.proto")):
            messages.update(parsed(path.read_text(encoding="utf-8")))
    table = {
        "origin": f"k8s.io/api@{version}, k8s.io/apimachinery@{version}: generated.proto",
        "licence": "Apache-2.0, Copyright The Kubernetes Authors",
        "messages": closure(messages, ROOTS),
    }
    text = json.dumps(table, separators=(",", ":"))
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    build(Path(sys.argv[1]), sys.argv[2], Path(__file__).with_name("schema_table.json.gz"))
