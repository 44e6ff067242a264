"""The OpenAPI documents, as small as kubectl can do with: paths and the parameters they take, no schemas."""

from __future__ import annotations

import hashlib
from typing import Any

from lab.cluster.embedded.api.exchange import encode
from lab.cluster.embedded.kinds import KINDS, Kind, group_versions

V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def v2_bytes(version: str) -> bytes:
    """An OpenAPI v2 document without paths as gnostic's protobuf: swagger 1, info 2, paths 8, definitions 9.

    Field numbers: `Document` and `Info` in gnostic's OpenAPIv2.proto.
    """
    info = b"\x0a\x03lab" + b"\x12" + bytes([len(version)]) + version.encode()
    return b"\x0a\x032.0" + b"\x12" + bytes([len(info)]) + info + b"\x42\x00" + b"\x4a\x00"


def index() -> dict[str, Any]:
    """`GET /openapi/v3`."""
    paths = {}
    for group, version in group_versions():
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        digest = hashlib.sha256(encode(document(group, version))).hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": paths}


def document(group: str, version: str) -> dict[str, Any] | None:
    """`GET /openapi/v3/...` of one group and version, or None when it is not served."""
    if (group, version) not in group_versions():
        return None
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    paths = {
        f"{root}/{'namespaces/{namespace}/' if kind.namespaced else ''}{kind.plural}/{{name}}": _item(kind)
        for kind in KINDS
        if (kind.group, kind.version) == (group, version)
    }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "lab"}, "paths": paths, "components": {}}


def _item(kind: Kind) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in _PARAMETERS
    ]
    operation = {
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
    }
    return {"patch": operation}
