"""Everything about the model server that is not scoring: health, metadata, metrics and documentation."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stack.common.features import COUNT
from stack.common.metrics import CONTENT_TYPE, exposition
from stack.model_server.metadata import Health, ModelMetadata, ServerMetadata
from stack.model_server.protocol import DATATYPE, INPUT, MAX_ROWS
from stack.model_server.service import Service, infer_paths
from stack.registry.versions import ModelVersion

_DESCRIPTION = """Probability that a flight lands 15 minutes late or more, by the Open Inference Protocol v2."""


class Application(FastAPI):
    """A FastAPI application whose documentation includes the scoring requests that are answered in front of it."""

    def __init__(self, service: Service) -> None:
        super().__init__(title="Flight risk model server", version=service.release.tag, description=_DESCRIPTION)
        self._service = service

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document with the scoring requests added."""
        schema = super().openapi()
        version = self._service.version
        scoring = {path: {"post": _SCORING} for path in sorted(infer_paths(version))} if version else {}
        return schema | {"paths": schema["paths"] | scoring}


def create_application(service: Service) -> Application:
    """The application of one service."""
    app = Application(service)
    app.add_exception_handler(HTTPException, _refuse)
    _add_health(app, service)
    _add_metadata(app, service)

    @app.get("/metrics", summary="Metrics in Prometheus' text format")
    async def metrics() -> Response:
        return Response(exposition(service.registry), media_type=CONTENT_TYPE)

    return app


def _add_health(app: FastAPI, service: Service) -> None:
    async def live() -> Health:
        return Health(ok=True, phase=service.phase)

    async def ready(response: Response) -> Health:
        response.status_code = 200 if service.ready else 503
        return Health(ok=service.ready, phase=service.phase)

    async def model_ready(response: Response, model: str, version: str = "") -> Health:
        _served(service, model, version)
        return await ready(response)

    for path in ("/healthz", "/v2/health/live"):
        app.add_api_route(path, live, summary="Whether the process works")
    summary = "Whether it answers scoring requests; 503 when not"
    app.add_api_route("/v2/health/ready", ready, summary=summary)
    for path in ("/v2/models/{model}/ready", "/v2/models/{model}/versions/{version}/ready"):
        app.add_api_route(path, model_ready, summary=summary)


def _add_metadata(app: FastAPI, service: Service) -> None:
    async def server() -> ServerMetadata:
        return ServerMetadata(name="flight-risk model server", version=service.release.tag)

    async def metadata(model: str, version: str = "") -> ModelMetadata:
        return ModelMetadata.of(_served(service, model, version))

    app.add_api_route("/v2", server, summary="The server")
    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        app.add_api_route(path, metadata, summary="The model")


def _served(service: Service, model: str, version: str) -> ModelVersion:
    """The served version, if that is what is asked for; an empty `version` is any."""
    served = service.version
    if served is None or model != served.model or version not in ("", served.version):
        error = service.absent(model, version)
        raise HTTPException(error.status, str(error))
    return served


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "internal error"
    if detail == "Not Found":
        detail = f"nothing is served at {request.url.path}; see /docs"
    return JSONResponse({"error": detail}, status_code=status)


_SCORING = {
    "summary": "Score flights",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string", "description": "given back in the answer"},
                        "inputs": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["name", "datatype", "shape", "data"],
                                "properties": {
                                    "name": {"const": INPUT},
                                    "datatype": {"const": DATATYPE},
                                    "shape": {"type": "array", "description": f"[n, {COUNT}], n from 1 to {MAX_ROWS}"},
                                    "data": {"type": "array", "description": "flat or as rows; null is missing"},
                                },
                            },
                        },
                    },
                }
            }
        },
    },
    "responses": {
        "200": {"description": "the tensor `probability`, FP32, [n]"},
        "400": {"description": "the body is not JSON"},
        "422": {"description": "a field or row is wrong; `error` names it"},
    },
}
