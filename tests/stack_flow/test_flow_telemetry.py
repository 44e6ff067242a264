"""telemetry.yaml, the rules, the manifests and what the components export agree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from stack_flow_rig import ROOT, Component, Rig, until

PLATFORM = ROOT / "stack" / "platform"
TELEMETRY = [
    yaml.safe_load(path.read_text())
    for path in (PLATFORM / "telemetry.yaml", *sorted((PLATFORM / "telemetry").glob("*.yaml")))
]
METRICS = {item["name"]: item for part in TELEMETRY for item in part["metrics"]}
RULES = {item["name"]: item for part in TELEMETRY for item in part.get("recording_rules", [])}
ALERTS = {item["name"]: item for part in TELEMETRY for item in part.get("alerts", [])}
PARTS = ("_bucket", "_sum", "_count")
FUNCTIONS = {
    "sum", "by", "le", "rate", "histogram_quantile", "and", "or", "unless", "on", "count", "round", "up", "quantile",
    "count_values", "max_over_time", "avg_over_time", "time", "model",
    "job", "pod", "code", "replica", "outcome", "component", "release", "version", "model_version",
    "max", "abs", "node", "group_left", "feature", "kind", "origin", "window",
}  # fmt: skip


def written_rules() -> Iterator[dict[str, Any]]:
    for path in sorted((PLATFORM / "rules").glob("*.yaml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def names_in(expression: str) -> set[str]:
    """The names of metrics and rules in an expression."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    words = set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_:]*", bare))
    return {word for word in words - FUNCTIONS if not word.isupper()}


def declared(name: str) -> bool:
    base = next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)
    histogram = METRICS.get(base, {}).get("type") == "histogram"
    return name in RULES or (name in METRICS and METRICS[name]["type"] != "histogram") or (base != name and histogram)


def test_entries_are_complete() -> None:
    for item in METRICS.values():
        assert set(item) == {"name", "type", "unit", "labels", "meaning", "exported_by"}, item["name"]
        assert item["type"] in {"counter", "gauge", "histogram"}
        if not item["name"].startswith("DCGM_"):
            assert item["name"].endswith("_total") == (item["type"] == "counter")
    for item in RULES.values():
        assert set(item) == {"name", "unit", "labels", "meaning"}
    assert len(METRICS) == sum(len(part["metrics"]) for part in TELEMETRY)


def test_rules_and_alerts_are_declared_and_use_declared_names() -> None:
    rules = list(written_rules())
    assert {rule["record"] for rule in rules if "record" in rule} == set(RULES)
    assert {rule["alert"] for rule in rules if "alert" in rule} == set(ALERTS)
    for rule in rules:
        unknown = {name for name in names_in(rule["expr"]) if not declared(name)}
        assert not unknown, rule


def test_alerts_name_their_severity_and_a_runbook_that_exists() -> None:
    for rule in written_rules():
        if "alert" in rule:
            entry = ALERTS[rule["alert"]]
            assert rule["labels"] == {"severity": entry["severity"]}
            assert rule["annotations"]["runbook"] == entry["runbook"]
            assert "summary" in rule["annotations"]
            assert (PLATFORM / entry["runbook"]).is_file()


def test_runbook_queries_use_declared_names() -> None:
    for path in sorted((PLATFORM / "runbooks").glob("*.md")):
        for query in re.findall(r"`([^`\n]+)`", path.read_text()):
            if re.search(r"[(:]", query) and not query.startswith(("kubectl", "git")):
                unknown = {name for name in names_in(query) if not declared(name)}
                assert not unknown, f"{path.name}: {query}"


def exported(running: Component) -> dict[str, tuple[str, set[str]]]:
    """Type and labels of each metric that has samples now."""
    found: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(running.get("/metrics")[1].decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
    return found


@pytest.mark.parametrize("component", ["discovery", "registry", "model-server", "gateway", "feed", "monitor"])
def test_a_component_exports_what_is_declared(rig: Rig, component: str) -> None:
    running = [own for own in rig.components.values() if own.name == component and own.process.poll() is None]
    wanted = {name: item for name, item in METRICS.items() if component in item["exported_by"]}
    wanted_now = {name: (item["type"], set(item["labels"])) for name, item in wanted.items()}
    last: list[dict[str, tuple[str, set[str]]]] = []

    def one_does() -> bool:
        """A replica that was just added has answered nobody yet, and exports less until then."""
        last[:] = [exported(own) for own in running]
        return wanted_now in last

    try:
        until(f"{component} exports what telemetry.yaml declares", one_does, 30.0)
    except AssertionError:
        assert last == [wanted_now]


@pytest.mark.live
def test_promtool_agrees(promtool: Path, tmp_path: Path, run_tool: Any) -> None:
    run_tool(promtool, "test", "rules", *sorted((PLATFORM / "rules" / "tests").glob("*.yaml")))
    run_tool(promtool, "check", "rules", *sorted((PLATFORM / "rules").glob("*.yaml")))
    text = (PLATFORM / "prometheus" / "prometheus.yml").read_text()
    config = tmp_path / "prometheus.yml"
    places = {"DISCOVERY": "127.0.0.1:8604", "ALERTMANAGER": "127.0.0.1:9093", "RULES": str(PLATFORM / "rules")}
    for name, value in places.items():
        text = text.replace(f"@{name}@", value)
    config.write_text(text)
    run_tool(promtool, "check", "config", config)


@pytest.mark.live
def test_amtool_agrees(amtool: Path, run_tool: Any) -> None:
    run_tool(amtool, "check-config", PLATFORM / "alertmanager" / "alertmanager.yml")


@pytest.mark.live
def test_promtool_can_read_every_panel(promtool: Path, tmp_path: Path, run_tool: Any) -> None:
    boards = [json.loads(path.read_text()) for path in sorted((ROOT / "stack" / "dashboards").glob("*.json"))]
    expressions = [target["expr"] for board in boards for panel in board["panels"] for target in panel["targets"]]
    rules = [{"record": f"panel:{index}", "expr": expression} for index, expression in enumerate(expressions)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run_tool(promtool, "check", "rules", file)
