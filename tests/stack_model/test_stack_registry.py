"""The registry names versions by alias, keeps what is registered, and tells what it was asked in MLflow's words."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack.common.errors import StartError
from stack.model_server.scorer import Scorer
from stack.registry.app import RegistryApp, RegistryMetrics
from stack.registry.database import Database
from stack.registry.layout import DATABASE, STORE
from stack.registry.limits import ClientLimit
from stack.registry.registry import Registry, furnish
from stack.registry.versions import HashMismatch, UnknownVersion, resolve
from stack.wire.server import Request, Response

REPOSITORY = Path(__file__).parents[2]
MLFLOW = "/api/2.0/mlflow/"
NAME = {"name": "flight-risk"}

Ask = Callable[..., Response]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    furnish(tmp_path)
    return tmp_path


@pytest.fixture
def ask(store: Path) -> Ask:
    """Asks an app over a copy of the store; at most two clients may poll."""
    database = Database.open(store / DATABASE)
    registry = Registry(store, database, lambda: 1_800_000_000.0)
    app = RegistryApp(registry, RegistryMetrics("9.9.9", registry), ClientLimit(2))

    def asked(method: str, path: str, body: object = None, *, at: float = 0.0, tag: str = "", **query: str) -> Response:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"if-none-match": tag} if tag else {}
        return asyncio.run(app.handle(Request(method, path, query, content, at, headers)))

    return asked


def told(response: Response) -> Any:
    return json.loads(response.body)


def test_an_alias_and_a_number_name_the_same_version() -> None:
    assert resolve("champion") == resolve("2")
    assert resolve("champion").model == "flight-risk"


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownVersion, match=r"alias 'shadow'; there are: 1, 2, 3, 4, 5, challenger, champion"):
        resolve("shadow")


def test_a_changed_file_is_not_served(store: Path) -> None:
    (store / "flight-risk-2.onnx").write_bytes((store / "flight-risk-1.onnx").read_bytes())
    with pytest.raises(HashMismatch, match=r"sha256 is [0-9a-f]{12}, but flight-risk version 2 was registered with"):
        Scorer.load(resolve("champion", store))
    assert Scorer.load(resolve("1", store)).version.version == "1"


def test_a_missing_file_is_told(store: Path) -> None:
    (store / "flight-risk-2.onnx").unlink()
    with pytest.raises(HashMismatch, match="version 2 cannot be read"):
        resolve("2", store)


def test_what_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database at all, just text" * 40)
    for attempt in (lambda: resolve("champion", tmp_path), lambda: Database.open(tmp_path / DATABASE)):
        with pytest.raises(StartError, match=r"registry\.db") as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_the_list_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stack.registry", "list"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[1].startswith(f"flight-risk 2   champion   {resolve('2').sha256[:12]} 2013-01-01 to 2013-05-31 auc=")


def test_a_data_folder_with_a_database_is_left_as_it_is(store: Path) -> None:
    database = Database.open(store / DATABASE)
    Registry(store, database, lambda: 1.0).move_alias("flight-risk", "champion", "1", "mei")
    database.close()
    furnish(store)
    assert resolve("champion", store).version == "1"
    assert resolve("champion", STORE).version == "2"


def test_a_poll_gets_the_version_once(ask: Ask) -> None:
    first = ask("GET", "/resolve", alias="champion")
    tag = dict(first.headers)["etag"]
    assert (first.status, told(first)["version"], told(first)["sha256"]) == (200, "2", resolve("2").sha256)
    assert ask("GET", "/resolve", tag=tag, client="a", alias="champion").status == 304
    ask("POST", f"{MLFLOW}registered-models/alias", {**NAME, "alias": "champion", "version": "3", "user": "jonas"})
    moved = ask("GET", "/resolve", tag=tag, client="a", alias="champion")
    assert (moved.status, told(moved)["version"]) == (200, "3")
    assert told(ask("GET", "/resolve", alias="latest"))["version"] == "5"
    assert told(ask("GET", "/resolve", alias="4"))["version"] == "4"
    assert ask("GET", "/resolve", alias="nobody").status == 404


def test_moves_are_written_down(ask: Ask) -> None:
    for version in ("3", "3", "2"):
        ask(
            "POST", f"{MLFLOW}registered-models/alias", {**NAME, "alias": "champion", "version": version, "user": "mei"}
        )
    ask("DELETE", f"{MLFLOW}registered-models/alias", {**NAME, "alias": "challenger"})
    moves = told(ask("GET", "/audit"))["moves"]
    assert [(m["alias"], m["from"], m["to"], m["who"]) for m in moves] == [
        ("champion", "2", "3", "mei"), ("champion", "3", "2", "mei"), ("challenger", "3", None, "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "what"),
    [
        ("DELETE", "model-versions/delete", {**NAME, "version": "1"}, 403, "append-only"),
        ("DELETE", "registered-models/delete", NAME, 403, "append-only"),
        ("POST", "runs/delete", {"run_id": "x"}, 403, "append-only"),
        ("POST", "model-versions/set-tag", {**NAME, "version": "1", "key": "sha256", "value": "0"}, 403, "once"),
        ("POST", "registered-models/alias", {**NAME, "alias": "champion", "version": "9"}, 404, "there are: 1, 2"),
        ("POST", "registered-models/alias", {**NAME, "alias": "latest", "version": "1"}, 400, "cannot be an alias"),
        ("POST", "registered-models/alias", {**NAME, "alias": "champion"}, 400, "'version'"),
        ("POST", "registered-models/alias", b"{", 400, "not JSON"),
        ("POST", "runs/search", {"filter": "auc is good"}, 400, "not a comparison"),
        ("GET", "logged-models/get", None, 404, "is not served"),
    ],
)
def test_refusals_say_why(ask: Ask, method: str, path: str, body: object, status: int, what: str) -> None:
    answer = ask(method, MLFLOW + path, body)
    assert (answer.status, set(told(answer))) == (status, {"error_code", "message"})
    assert what in told(answer)["message"]


def test_runs_are_found_by_what_they_measured(ask: Ask) -> None:
    def found(text: str, *order: str) -> list[str]:
        answer = ask("POST", f"{MLFLOW}runs/search", {"filter": text, "order_by": list(order)})
        return [run["info"]["run_name"] for run in told(answer)["runs"]]

    assert found("metrics.auc > 0.95", "metrics.auc DESC") == ["flight-risk-5", "flight-risk-4"]
    assert found("params.recipe = 'logistic-regression' and metrics.brier < 0.072") == ["flight-risk-2"]
    assert found("params.r_gain LIKE 'warehouse%'") == ["flight-risk-5"]
    assert found("tags.nothing = 'x'") == []


def test_a_version_can_be_registered_once_and_its_file_attached_once(ask: Ask) -> None:
    content = (STORE / "flight-risk-1.onnx").read_bytes()
    body = {"content": base64.b64encode(content).decode(), "by": "mei", "description": "again", "metrics": {"auc": 0.9}}
    first, second = told(ask("POST", "/register", body)), told(ask("POST", "/register", body))
    assert (first["version"], second["version"], first["by"], first["metrics"]) == ("6", "6", "mei", {"auc": 0.9})
    assert ask("GET", "/artifacts/6/model.onnx").body == content
    assert ask("PUT", "/artifacts/6/model.onnx", b"other").status == 403
    ask("POST", f"{MLFLOW}model-versions/create", {**NAME, "source": "somewhere"})
    assert ask("GET", "/artifacts/7/model.onnx").status == 404
    assert ask("PUT", "/artifacts/7/model.onnx", content).status == 200
    assert told(ask("GET", "/state"))["versions"]["7"] == first["file_sha256"]


def test_polls_are_answered_to_the_first_clients_that_come(ask: Ask) -> None:
    def polled(client: str, at: float) -> int:
        return ask("GET", "/resolve", tag='"x"', client=client, at=at).status

    assert [polled(name, 0.0) for name in ("a", "b", "c")] == [200, 200, 429]
    assert [polled(name, second) for second in range(1, 20) for name in ("c", "b", "a")] == [429, 200, 200] * 19
    assert polled("c", 40.0) == 200
    assert ask("GET", "/resolve", client="d", at=40.0).status == 200


def test_a_snapshot_is_a_store_of_its_own(ask: Ask, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(ask("GET", "/snapshot").body)) as archive:
        archive.extractall(tmp_path / "copy", filter="data")
    assert resolve("champion", tmp_path / "copy").content() == resolve("champion").content()
