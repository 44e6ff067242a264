"""The field table, unknown fields, wrong types, and what is refused rather than ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.cluster.embedded.faults import Faults
from lab.cluster.embedded.kinds import BY_RESOURCE, KINDS
from lab.cluster.embedded.quantity import parse_quantity
from lab.cluster.embedded.schema import field_table, pruned
from lab.cluster.embedded.schema_build import closure, parsed
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Obj
from lab.cluster.embedded.support import ONLY, SUPPORT, check_support

DEPLOYMENTS = BY_RESOURCE["deployments"]
CORE = "k8s.io.api.core.v1."

PROTO = """
package k8s.io.api.demo.v1;
message Thing {
  // +optional
  // +patchStrategy=merge
  // +patchMergeKey=name
  // +listType=map
  // +listMapKey=name
  repeated Part parts = 2;

  optional .k8s.io.apimachinery.pkg.api.resource.Quantity size = 3;

  map<string, bytes> data = 4;
}

message Part {
  optional string name = 1;
}

message Other {
}
"""


def test_the_builder_reads_types_numbers_and_markers() -> None:
    messages = parsed(PROTO)
    name = "k8s.io.api.demo.v1."
    assert messages[name + "Thing"] == [
        ["parts", 2, name + "Part", "list", "name", "merge", "map", "name"],
        ["size", 3, "quantity"],
        ["data", 4, "bytes", "map"],
    ]
    assert set(closure(messages, (name + "Thing",))) == {name + "Thing", name + "Part"}


def test_the_table_covers_every_kind_and_message_it_names() -> None:
    table = field_table()
    for kind in KINDS:
        assert {"metadata"} <= set(table.message(kind.message).fields)
    container = table.message(CORE + "Container").fields
    assert (container["env"].merge_key, container["env"].number) == ("name", 7)
    assert "configMap" in table.message(CORE + "Volume").fields
    assert [field.name for field in table.message(CORE + "Volume").wire] == ["name", "volumeSource"]


def test_support_names_fields_that_exist_once() -> None:
    table = field_table()
    for message, support in SUPPORT.items():
        fields = set(table.message(message).fields)
        assert support.works | support.harmless <= fields, message
        assert not support.works & support.harmless, message
    for message, name in ONLY:
        assert name in SUPPORT[message].works


def test_the_documentation_lists_every_field_without_effect() -> None:
    text = (Path(__file__).parents[3] / "docs" / "what-is-real.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line.split("|")[2] for line in text.splitlines() if line.startswith("| `")}
    for message, support in SUPPORT.items():
        listed = set(re.findall(r"`(\w+)`", rows.get(f"`{message.removeprefix(CORE)}`", "")))
        assert listed == support.harmless, message


def test_unknown_fields_are_named_and_dropped(make_deployment: Callable[..., Obj]) -> None:
    obj = make_deployment(replicaz=3)
    obj["spec"]["template"]["spec"]["containers"][0]["imagez"] = "x"
    kept, unknown = pruned(DEPLOYMENTS, obj)
    assert unknown == ['unknown field "spec.template.spec.containers[0].imagez"', 'unknown field "spec.replicaz"']
    assert "replicaz" not in kept["spec"]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"replicas": "two"}, "cannot unmarshal string into Go struct field spec.replicas of type int32"),
        ({"replicas": True}, "cannot unmarshal bool into Go struct field spec.replicas of type int32"),
        ({"replicas": 2**40}, "cannot unmarshal number"),
        ({"paused": "yes"}, "of type bool"),
        ({"selector": []}, "cannot unmarshal array into Go struct field spec.selector of type v1.LabelSelector"),
        ({"selector": {"matchLabels": {"a": 1}}}, "cannot unmarshal number"),
    ],
)
def test_wrong_types_are_bad_requests(make_deployment: Callable[..., Obj], spec: dict[str, Any], text: str) -> None:
    with pytest.raises(StatusError) as refused:
        pruned(DEPLOYMENTS, make_deployment(**spec))
    assert refused.value.code == 400
    assert text in refused.value.message
    assert refused.value.message.startswith('Deployment in version "v1" cannot be handled as a Deployment: ')


def test_nulls_are_absent_and_numbers_become_quantities(make_deployment: Callable[..., Obj]) -> None:
    obj = make_deployment(paused=None)
    obj["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": 1, "memory": "64Mi"}}
    kept, _ = pruned(DEPLOYMENTS, obj)
    assert "paused" not in kept["spec"]
    assert kept["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "64Mi"}
    obj["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "lots"}}
    with pytest.raises(StatusError, match="quantities must match the regular expression"):
        pruned(DEPLOYMENTS, obj)


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"initContainers": [{"name": "i"}]}, "initContainers"),
        ({"nodeSelector": {"a": "b"}}, "nodeSelector"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "volumes[0].hostPath"),
        ({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}}, "affinity."),
        ({"containers": [{"name": "c", "lifecycle": {"preStop": {}}}]}, "containers[0].lifecycle"),
        ({"containers": [{"name": "c", "livenessProbe": {"grpc": {"port": 1}}}]}, "containers[0].livenessProbe.grpc"),
        ({"containers": [{"name": "c", "resources": {"limits": {"hugepages-2Mi": "1"}}}]}, "containers[0].resources"),
        ({"containers": [{"name": "c", "ports": [{"containerPort": 1, "protocol": "UDP"}]}]}, "containers[0].ports[0]"),
    ],
)
def test_known_fields_that_would_be_ignored_are_refused(
    make_deployment: Callable[..., Obj], pod: dict[str, Any], field: str
) -> None:
    obj = make_deployment()
    obj["spec"]["template"]["spec"].update(pod)
    faults = Faults()
    check_support(DEPLOYMENTS, obj, faults)
    assert [cause.reason for cause in faults.causes] == ["FieldValueForbidden"]
    assert faults.causes[0].field.startswith("spec.template.spec." + field)


def test_harmless_and_empty_fields_pass(make_deployment: Callable[..., Obj]) -> None:
    obj = make_deployment()
    obj["spec"]["template"]["spec"].update(
        hostNetwork=False, nodeSelector={}, securityContext={"runAsUser": 1}, tolerations=[{"operator": "Exists"}]
    )
    faults = Faults()
    check_support(DEPLOYMENTS, obj, faults)
    assert faults.causes == []


@pytest.mark.parametrize(
    ("text", "amount"), [("500m", 0.5), ("64Mi", 64 * 2**20), ("1.5", 1.5), ("2e3", 2000), ("1k", 1000), ("3G", 3e9)]
)
def test_quantities(text: str, amount: float) -> None:
    assert float(parse_quantity(text)) == amount


@pytest.mark.parametrize("text", ["", "m", "1Q", "1..2"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)
