"""Everything about the model server that is not scoring: health, metadata, metrics and documentation."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stack.common.features import COUNT
from stack.common.metrics import CONTENT_TYPE, exposition
from stack.model_server.metadata import Health, ModelMetadata, ServerMetadata
from stack.model_server.protocol import DATATYPE, INPUT, MAX_ROWS, infer_paths
from stack.model_server.service import Phase, Service

_DESCRIPTION = """Probability that a flight lands 15 minutes late or more, by the Open Inference Protocol v2."""


class Application(FastAPI):
    """A FastAPI application whose documentation includes the scoring requests that are answered in front of it."""

    def __init__(self, service: Service) -> None:
        super().__init__(title="Flight risk model server", version=service.release.tag, description=_DESCRIPTION)
        self._service = service

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document with the scoring requests added."""
        schema = super().openapi()
        for path in sorted(infer_paths(self._service.scorer.version)):
            schema["paths"].setdefault(path, {"post": _SCORING})
        return schema


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
    model = service.scorer.version

    async def live() -> Health:
        return Health(ok=True, phase=service.phase)

    async def ready(response: Response) -> Health:
        ok = service.phase is Phase.READY
        response.status_code = 200 if ok else 503
        return Health(ok=ok, phase=service.phase)

    for path in ("/healthz", "/v2/health/live"):
        app.add_api_route(path, live, summary="Whether the process works")
    model_path = f"/v2/models/{model.model}"
    for path in ("/v2/health/ready", f"{model_path}/ready", f"{model_path}/versions/{model.version}/ready"):
        app.add_api_route(path, ready, summary="Whether it answers scoring requests; 503 when not")


def _add_metadata(app: FastAPI, service: Service) -> None:
    model = service.scorer.version

    async def server() -> ServerMetadata:
        return ServerMetadata(name="flight-risk model server", version=service.release.tag)

    async def metadata() -> ModelMetadata:
        return ModelMetadata.of(model)

    app.add_api_route("/v2", server, summary="The server")
    for path in (f"/v2/models/{model.model}", f"/v2/models/{model.model}/versions/{model.version}"):
        app.add_api_route(path, metadata, summary="The model")


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = f"nothing is served at {request.url.path}; see /docs" if status == 404 else f"{error}"
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
