"""The short way of scoring requests past the framework; everything else goes on to the application."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from stack.model_server.protocol import BadRequest, infer_paths, refusal
from stack.model_server.service import Phase, Service

MAX_BYTES = 2 * 1024 * 1024
"""Longest body that is read."""


class Front:
    """An ASGI application that answers scoring requests itself, at a fraction of what the framework would take."""

    def __init__(self, service: Service, application: ASGIApp) -> None:
        self._service = service
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or hand it on."""
        if scope["type"] == "http" and self._scores(scope["path"]):
            await self._infer(scope["method"], receive, send)
        else:
            await self._application(scope, receive, send)

    def _scores(self, path: str) -> bool:
        version = self._service.version
        if version is None:
            return path.startswith("/v2/models/") and path.endswith("/infer")
        return path in infer_paths(version)

    async def _infer(self, method: str, receive: Receive, send: Send) -> None:
        service = self._service
        started = service.now()
        try:
            if method != "POST":
                raise BadRequest(405, f"scores are asked for by POST, not by {method}")
            status, content = await service.answer(await _read(receive))
        except BadRequest as error:
            status, content = error.status, refusal(str(error))
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        if service.phase is Phase.DRAINING:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        service.observe(status, started)


async def _read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            raise BadRequest(413, f"the body is longer than {MAX_BYTES} bytes; send fewer rows at once")
    return body
