"""Protobuf bodies: every shape of field, what zeros mean, and bytes that are none."""

from __future__ import annotations

from typing import Any

import pytest

from lab.cluster.embedded.api.protobuf import MAGIC, decode_protobuf
from lab.cluster.embedded.schema import Field, field_table
from lab.cluster.embedded.status import StatusError

DEPLOYMENT = "k8s.io.api.apps.v1.Deployment"


def varint(value: int) -> bytes:
    value &= 2**64 - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def framed(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(name: str, obj: dict[str, Any]) -> bytes:
    """The object by the wire fields of the table; inlined messages take their fields from the same object."""
    raw = b""
    for field in field_table().message(name).wire:
        if field.inline:
            raw += framed(field.number, message(field.type, obj))
        elif field.name in obj:
            raw += entries(field, obj[field.name])
    return raw


def entries(field: Field, value: Any) -> bytes:
    match field.container:
        case "list":
            return b"".join(framed(field.number, single(field, item)) for item in value)
        case "map":
            pairs = (framed(1, key.encode()) + framed(2, single(field, item)) for key, item in value.items())
            return b"".join(framed(field.number, pair) for pair in pairs)
        case _:
            return framed(field.number, single(field, value))


def single(field: Field, value: Any) -> bytes | int:
    match field.type:
        case "bool" | "int32" | "int64":
            return int(value)
        case "string" | "bytes":
            return value.encode() if isinstance(value, str) else bytes(value)
        case "quantity":
            return framed(1, value.encode())
        case "intstr":
            text = isinstance(value, str)
            return framed(1, int(text)) + framed(2, 0 if text else value) + framed(3, value.encode() if text else b"")
        case "time":
            return b"" if value is None else framed(1, value)
        case _:
            return message(field.type, value)


def body(version: str, kind: str, raw: bytes) -> bytes:
    told = framed(1, version.encode()) + framed(2, kind.encode())
    return MAGIC + framed(1, told) + framed(2, raw) + framed(3, b"") + framed(4, b"")


def test_every_shape_of_field() -> None:
    container = {
        "name": "web",
        "image": "lab/web:1",
        "args": ["-v", ""],
        "env": [{"name": "A", "value": ""}],
        "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "initialDelaySeconds": 0, "periodSeconds": 3},
    }
    volume = {"name": "v", "configMap": {"name": "conf"}}
    spec = {
        "replicas": 0,
        "paused": False,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": {"app": "web"}, "creationTimestamp": None},
            "spec": {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 0},
        },
    }
    sent = {"metadata": {"name": "web", "creationTimestamp": 1893499200}, "spec": spec, "status": {}}
    found = decode_protobuf(body("apps/v1", "Deployment", message(DEPLOYMENT, sent)))
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
    assert found["metadata"] == {"name": "web", "creationTimestamp": "2030-01-01T12:00:00Z"}
    assert found["spec"]["replicas"] == 0
    assert "paused" not in found["spec"]
    assert found["spec"]["strategy"] == {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}}
    pod = found["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 0
    assert pod["volumes"][0]["configMap"] == {"name": "conf"}
    (read,) = pod["containers"]
    assert read["args"] == ["-v", ""]
    assert read["env"] == [{"name": "A"}]
    assert read["resources"]["limits"] == {"cpu": "500m", "memory": "64Mi"}
    probe = read["readinessProbe"]
    assert (probe["httpGet"], probe["periodSeconds"]) == ({"path": "/", "port": "http"}, 3)
    assert "initialDelaySeconds" not in probe


def test_bytes_are_base64_and_negative_numbers_keep_their_sign() -> None:
    secret = message("k8s.io.api.core.v1.Secret", {"metadata": {"name": "s"}, "data": {"key": b"word"}})
    assert decode_protobuf(body("v1", "Secret", secret))["data"] == {"key": "d29yZA=="}
    negative = message(DEPLOYMENT, {"spec": {"replicas": -1}})
    assert decode_protobuf(body("apps/v1", "Deployment", negative))["spec"]["replicas"] == -1


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "does not begin with k8s"),
        (MAGIC + b"\x0a", "couldn't read a protobuf body"),
        (MAGIC + b"\x0a\x7f", "ends within a field"),
        (MAGIC + b"\x09", "wire type 1"),
        (body("v1", "Gadget", b""), 'no kind "Gadget" is registered for version "v1"'),
        (body("v1", "Secret", b"\x0a\xff\xff"), "couldn't read a protobuf body"),
        (body("v1", "Secret", b"\x08\x01"), "a number where bytes should be"),
    ],
)
def test_bytes_that_are_no_object(raw: bytes, text: str) -> None:
    with pytest.raises(StatusError) as refused:
        decode_protobuf(raw)
    assert refused.value.code == 400
    assert text in refused.value.message
