"""A cluster that is gone for good does not hold its lab for ever."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.cli.main import main
from lab.cli.output import MISSING


def test_down_says_how_to_forget_and_forgetting_leaves_no_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / "state" / "labs" / "gone"
    (folder / "cluster").mkdir(parents=True)
    choice = {"on": "context:prod", "namespace": "team-x", "own_namespace": True, "images": ""}
    (folder / "engine.json").write_text(json.dumps(choice))
    context = {"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "team-x"}}
    config: dict[str, Any] = {
        "current-context": "prod",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    environ = {**os.environ, "LAB_HOME": str(tmp_path / "home")}
    assert main(("down", "--lab", "gone"), environ, tmp_path, tmp_path) == MISSING
    assert "lab down --forget" in capsys.readouterr().err
    assert main(("down", "--lab", "gone", "--forget"), environ, tmp_path, tmp_path) == 0
    left = [path for path in folder.rglob("*") if path.is_file() and "secret" in path.read_text(errors="replace")]
    assert left == []
    assert main(("status", "--lab", "gone", "--json"), environ, tmp_path, tmp_path) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["on"] == "embedded"
