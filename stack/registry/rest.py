"""
The part of MLflow's REST interface that the registry answers: reading everything, moving aliases, adding versions.

Paths and messages are those of MLflow 3.17 (`/api/2.0/mlflow/...`), so that its client works against this address.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stack.registry.database import NewVersion
from stack.registry.filters import Fields, ordered, select
from stack.registry.records import Experiment, Json, RegisteredModel, Run, VersionRecord
from stack.registry.refusals import Refusal, invalid, kept, missing
from stack.registry.registry import Registry
from stack.wire.server import Request, Response, json_response

PREFIXES = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/", "/api/3.0/mlflow/")
UNKNOWN = "unknown"
_DELETES = ("registered-models/delete", "model-versions/delete", "runs/delete", "experiments/delete")
_KEPT = "the registry is append-only: what is registered stays; move an alias instead"

T = TypeVar("T")
Answer = Callable[["Rest", dict[str, Any]], Json]


class Rest:
    """Answers the questions of MLflow's client."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._database = registry.database

    def answer(self, request: Request) -> Response:
        """The answer to a request below one of `PREFIXES`; raises Refusal."""
        path = next(request.path.removeprefix(prefix) for prefix in PREFIXES if request.path.startswith(prefix))
        if path in _DELETES:
            raise kept(_KEPT)
        handler = _ROUTES.get((request.method, path)) or _ROUTES.get(("ANY", path))
        if handler is None:
            served = ", ".join(sorted({route for _, route in _ROUTES}))
            raise Refusal(404, "ENDPOINT_NOT_FOUND", f"{request.method} {path} is not served; served: {served}")
        return json_response(handler(self, _arguments(request)))

    def model_get(self, asked: dict[str, Any]) -> Json:
        name = _text(asked, "name")
        for model in self._database.models():
            if model.name == name:
                return {"registered_model": self._with_latest(model)}
        raise missing(f"Registered Model with name={name} not found")

    def model_search(self, asked: dict[str, Any]) -> Json:
        found = select(asked.get("filter", ""), self._database.models(), _model_fields)
        page, token = _page(found, asked)
        return _paged("registered_models", [self._with_latest(model) for model in page], token)

    def latest_versions(self, asked: dict[str, Any]) -> Json:
        versions = self._database.versions(_text(asked, "name"))
        return {"model_versions": [record.json() for record in versions[-1:]]}

    def alias_get(self, asked: dict[str, Any]) -> Json:
        name, alias = _text(asked, "name"), _text(asked, "alias")
        number = self._database.aliases(name).get(alias)
        if number is None:
            raise invalid(f"Registered model alias {alias} not found.")
        return {"model_version": self._registry.require(name, number).json()}

    def alias_set(self, asked: dict[str, Any]) -> Json:
        self._registry.move_alias(
            _text(asked, "name"), _text(asked, "alias"), _text(asked, "version"), _who(asked), asked.get("message", "")
        )
        return {}

    def alias_delete(self, asked: dict[str, Any]) -> Json:
        name, alias = _text(asked, "name"), _text(asked, "alias")
        self._registry.move_alias(name, alias, None, _who(asked), asked.get("message", ""))
        return {}

    def version_get(self, asked: dict[str, Any]) -> Json:
        return {"model_version": self._registry.require(_text(asked, "name"), _text(asked, "version")).json()}

    def version_search(self, asked: dict[str, Any]) -> Json:
        newest_first = sorted(self._database.versions(), key=lambda one: (one.name, -int(one.version)))
        found = select(asked.get("filter", ""), newest_first, _version_fields)
        page, token = _page(ordered(_clauses(asked), found, _version_fields), asked)
        return _paged("model_versions", [record.json() for record in page], token)

    def version_uri(self, asked: dict[str, Any]) -> Json:
        record = self._registry.require(_text(asked, "name"), _text(asked, "version"))
        return {"artifact_uri": record.source}

    def version_tag(self, asked: dict[str, Any]) -> Json:
        self._registry.set_tag(
            _text(asked, "name"), _text(asked, "version"), _text(asked, "key"), str(asked.get("value", ""))
        )
        return {}

    def version_create(self, asked: dict[str, Any]) -> Json:
        tags = {str(tag["key"]): str(tag.get("value", "")) for tag in asked.get("tags", [])}
        new = NewVersion(
            _text(asked, "name"), _text(asked, "source"), str(asked.get("run_id", "")), _who(asked),
            str(asked.get("description", "")), tags,
        )  # fmt: skip
        return {"model_version": self._registry.create(new).json()}

    def run_get(self, asked: dict[str, Any]) -> Json:
        return {"run": self._run(asked).json()}

    def run_search(self, asked: dict[str, Any]) -> Json:
        wanted = [str(item) for item in asked.get("experiment_ids", [])]
        runs = [run for run in self._database.runs() if not wanted or run.experiment_id in wanted]
        found = select(asked.get("filter", ""), runs, _run_fields)
        page, token = _page(ordered(_clauses(asked), found, _run_fields), asked)
        return _paged("runs", [run.json() for run in page], token)

    def metric_history(self, asked: dict[str, Any]) -> Json:
        key = _text(asked, "metric_key")
        return {"metrics": [item for item in self._run(asked).metrics_json() if item["key"] == key]}

    def experiment_by_name(self, asked: dict[str, Any]) -> Json:
        return self._experiment("experiment_name", _text(asked, "experiment_name"), lambda one: one.name)

    def experiment_get(self, asked: dict[str, Any]) -> Json:
        return self._experiment("experiment_id", _text(asked, "experiment_id"), lambda one: one.experiment_id)

    def experiment_search(self, asked: dict[str, Any]) -> Json:
        found = select(asked.get("filter", ""), self._database.experiments(), _experiment_fields)
        page, token = _page(found, asked)
        return _paged("experiments", [experiment.json() for experiment in page], token)

    def _experiment(self, field: str, wanted: str, key: Callable[[Experiment], str]) -> Json:
        for experiment in self._database.experiments():
            if key(experiment) == wanted:
                return {"experiment": experiment.json()}
        raise missing(f"Could not find experiment with {field} {wanted}")

    def _run(self, asked: dict[str, Any]) -> Run:
        key = str(asked.get("run_id") or asked.get("run_uuid") or "")
        run = self._database.run(key)
        if run is None:
            raise missing(f"Run with id={key} not found")
        return run

    def _with_latest(self, model: RegisteredModel) -> Json:
        latest = self._database.versions(model.name)[-1:]
        return {**model.json(), "latest_versions": [record.json() for record in latest]}


_ROUTES: dict[tuple[str, str], Answer] = {
    ("GET", "registered-models/get"): Rest.model_get,
    ("ANY", "registered-models/search"): Rest.model_search,
    ("ANY", "registered-models/get-latest-versions"): Rest.latest_versions,
    ("GET", "registered-models/alias"): Rest.alias_get,
    ("POST", "registered-models/alias"): Rest.alias_set,
    ("DELETE", "registered-models/alias"): Rest.alias_delete,
    ("GET", "model-versions/get"): Rest.version_get,
    ("GET", "model-versions/search"): Rest.version_search,
    ("GET", "model-versions/get-download-uri"): Rest.version_uri,
    ("POST", "model-versions/set-tag"): Rest.version_tag,
    ("POST", "model-versions/create"): Rest.version_create,
    ("GET", "runs/get"): Rest.run_get,
    ("POST", "runs/search"): Rest.run_search,
    ("GET", "metrics/get-history"): Rest.metric_history,
    ("GET", "experiments/get"): Rest.experiment_get,
    ("GET", "experiments/get-by-name"): Rest.experiment_by_name,
    ("ANY", "experiments/search"): Rest.experiment_search,
}


def _arguments(request: Request) -> dict[str, Any]:
    """Query and JSON body together; who asks may also stand in the header `x-user`."""
    asked: dict[str, Any] = dict(request.query)
    if request.body:
        try:
            document = json.loads(request.body)
        except ValueError as error:
            raise invalid(f"the body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise invalid("the body is not a JSON object")
        asked |= document
    if "x-user" in request.headers:
        asked.setdefault("user", request.headers["x-user"])
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if value is None or value == "":
        raise invalid(f"Missing value for required parameter '{name}'.")
    return str(value)


def _who(asked: dict[str, Any]) -> str:
    return str(asked.get("user") or UNKNOWN)


def _clauses(asked: dict[str, Any]) -> list[str]:
    given = asked.get("order_by", [])
    return [given] if isinstance(given, str) else [str(item) for item in given]


def _page(items: Sequence[T], asked: dict[str, Any]) -> tuple[Sequence[T], str]:
    """The items from the page token on, at most `max_results`, and the token of the next page."""
    try:
        start, most = int(asked.get("page_token") or 0), int(asked.get("max_results") or 1000)
    except ValueError as error:
        raise invalid("max_results and page_token are numbers here") from error
    if most < 1 or start < 0:
        raise invalid("max_results must be at least 1")
    rest = items[start : start + most]
    return rest, str(start + most) if start + most < len(items) else ""


def _paged(name: str, items: list[Json], token: str) -> Json:
    return {name: items, **({"next_page_token": token} if token else {})}


def _model_fields(model: RegisteredModel) -> Fields:
    return {"name": model.name, **_prefixed("tags", model.tags)}


def _version_fields(record: VersionRecord) -> Fields:
    return {
        "name": record.name,
        "version": float(record.version),
        "version_number": float(record.version),
        "run_id": record.run_id,
        "source_path": record.source,
        "creation_timestamp": float(record.created_ms),
        "last_updated_timestamp": float(record.updated_ms),
        **_prefixed("tags", record.tags),
    }


def _run_fields(run: Run) -> Fields:
    own: dict[str, str | float | None] = {
        "run_id": run.run_id, "run_name": run.name, "status": run.status, "user_id": run.user,
        "start_time": float(run.start_ms), "end_time": None if run.end_ms is None else float(run.end_ms),
    }  # fmt: skip
    figures: dict[str, str | float | None] = {f"metrics.{key}": value for key, value in run.metrics.items()}
    return own | figures | _prefixed("params", run.params) | _prefixed("tags", run.tags)


def _experiment_fields(experiment: Experiment) -> Fields:
    return {"name": experiment.name, "experiment_id": experiment.experiment_id}


def _prefixed(space: str, values: dict[str, str]) -> dict[str, str | float | None]:
    return {f"{space}.{key}": value for key, value in values.items()}
