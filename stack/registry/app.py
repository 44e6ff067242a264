"""The registry's HTTP interface: MLflow's paths, and the short ones that model servers and operators ask."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stack.common.metrics import CONTENT_TYPE, component_registry, exposition
from stack.registry.limits import ClientLimit
from stack.registry.refusals import Refusal, invalid, kept
from stack.registry.registry import DEFAULT_MODEL, Registry, Submission
from stack.registry.rest import PREFIXES, UNKNOWN, Rest
from stack.wire.server import Request, Response, error_response, json_response

_SERVED = (
    "/resolve /versions /versions/NUMBER /state /audit /artifacts/VERSION/model.onnx /register /snapshot "
    f"{PREFIXES[0]} /healthz /livez /metrics"
)
_FILE = "application/octet-stream"


class _Upload(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /register`."""

    content: str
    by: str = UNKNOWN
    description: str = ""
    model: str = DEFAULT_MODEL
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}


class _Contents(Collector):
    """What the registry holds, read when it is scraped."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[GaugeMetricFamily]:
        versions = GaugeMetricFamily("registry_model_versions", "Registered versions.", labels=["model"])
        aliases = GaugeMetricFamily(
            "registry_alias_version", "The version that an alias points at.", labels=["model", "alias"]
        )
        for model in self._registry.database.models():
            versions.add_metric([model.name], len(self._registry.database.versions(model.name)))
            for alias, version in model.aliases.items():
                aliases.add_metric([model.name, alias], float(version))
        yield versions
        yield aliases


class RegistryMetrics:
    """What the registry counts."""

    def __init__(self, release: str, registry: Registry) -> None:
        self.registry: CollectorRegistry = component_registry("registry", release)
        self.polls = Counter("registry_polls", "Questions for a version.", ["code"], registry=self.registry)
        for code in ("200", "304", "404", "429"):
            self.polls.labels(code)
        self.registry.register(_Contents(registry))


class RegistryApp:
    """A handler of `stack.wire.server` over one registry."""

    def __init__(self, registry: Registry, metrics: RegistryMetrics, limit: ClientLimit) -> None:
        self._registry = registry
        self._metrics = metrics
        self._limit = limit
        self._rest = Rest(registry)
        self.started = False
        """Whether the release has come up; until then it is not ready."""

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            if request.path.startswith(PREFIXES):
                return self._rest.answer(request)
            return self._own(request)
        except Refusal as refusal:
            return refusal.response()

    def _own(self, request: Request) -> Response:
        match (request.method, *request.path.split("/")[1:]):
            case ("GET" | "HEAD", "livez"):
                return json_response({"status": "alive"})
            case ("GET" | "HEAD", "healthz"):
                return json_response({"status": "ok"}) if self.started else error_response(503, "starting")
            case ("GET", "metrics"):
                return Response(200, exposition(self._metrics.registry), CONTENT_TYPE)
            case ("GET", "resolve"):
                return self._resolve(request)
            case ("GET", "versions"):
                return json_response(self._versions(_model(request)))
            case ("GET", "versions", name):
                return json_response(self._version(_model(request), name))
            case ("GET", "state"):
                return json_response(self._registry.state(_model(request)))
            case ("GET", "audit"):
                return json_response(
                    {"moves": [move.json() for move in self._registry.database.moves(_model(request))]}
                )
            case ("GET", "artifacts", version, "model.onnx"):
                return Response(200, self._registry.content(_model(request), version), _FILE)
            case ("PUT", "artifacts", version, "model.onnx"):
                return json_response({"sha256": self._registry.attach(_model(request), version, request.body)})
            case ("POST", "register"):
                return json_response(self._register(request.body))
            case ("GET", "snapshot"):
                return Response(200, self._registry.snapshot(), "application/x-tar")
            case ("DELETE", *_):
                raise kept("the registry is append-only: what is registered stays; move an alias instead")
            case _:
                return error_response(404, f"served: {_SERVED}")

    def _resolve(self, request: Request) -> Response:
        response = self._resolved(request)
        self._metrics.polls.labels(str(response.status)).inc()
        return response

    def _resolved(self, request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        client = request.query.get("client", "")
        if known and not self._limit.admits(client, request.arrived):
            return error_response(429, "too many clients poll; the limit is per ten seconds")
        try:
            record = self._registry.resolve(_model(request), request.query.get("alias", "champion"))
        except Refusal as refusal:
            return refusal.response()
        tag = f'"{record.version}-{record.tags.get("sha256", "")[:16]}"'
        headers = (("etag", tag), ("cache-control", "no-cache"))
        if known == tag:
            return Response(304, headers=headers)
        document = self._registry.database.described(record)
        answer = {
            "model": document.model,
            "version": document.version,
            "sha256": document.sha256,
            "signature": document.signature,
            "run_id": document.run_id,
            "source": f"/artifacts/{document.version}/model.onnx",
            "trained_on": document.trained_on,
            "created": document.created,
            "metrics": document.metrics,
        }
        return Response(200, msgspec.json.encode(answer), headers=headers)

    def _versions(self, model: str) -> Mapping[str, Any]:
        aliases = self._registry.database.aliases(model)
        records = self._registry.database.versions(model)
        return {"model": model, "aliases": aliases, "versions": [self._version(model, one.version) for one in records]}

    def _version(self, model: str, name: str) -> Mapping[str, Any]:
        record = self._registry.resolve(model, name)
        run = self._registry.database.run(record.run_id)
        return {
            "version": record.version,
            "aliases": list(record.aliases),
            "created": record.created_ms / 1000,
            "by": record.user,
            "description": record.description,
            "run_id": record.run_id,
            "tags": record.tags,
            "params": {} if run is None else run.params,
            "metrics": {} if run is None else run.metrics,
            "commit": "" if run is None else run.tags.get("mlflow.source.git.commit", ""),
            "file_sha256": self._registry.hashes(model)[record.version],
        }

    def _register(self, body: bytes) -> Mapping[str, Any]:
        try:
            asked = msgspec.json.decode(body, type=_Upload)
            content = base64.b64decode(asked.content, validate=True)
        except (msgspec.DecodeError, msgspec.ValidationError, binascii.Error) as error:
            raise invalid(f"not a version to register: {error}") from error
        submission = Submission(
            asked.model, asked.by, asked.description, content, asked.tags, asked.params, asked.metrics
        )
        return self._version(asked.model, self._registry.register(submission).version)


def _model(request: Request) -> str:
    return request.query.get("model", DEFAULT_MODEL)
